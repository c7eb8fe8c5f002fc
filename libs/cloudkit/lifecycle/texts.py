"""What the resource says of a job in each state. Operators compare these with their runbooks."""

from cloudkit.contracts.jobs import JobState, JobType

MAX_MESSAGE_BYTES = 2048
LONGEST_WORD = 40

_PROVISION = {
    JobState.PENDING: "Job queued",
    JobState.WAITING: "Job queued",
    JobState.RUNNING: "Job running",
    JobState.SUCCEEDED: "Job completed successfully",
    JobState.FAILED: "AAP job failed",
    JobState.CANCELED: "Job canceled",
    JobState.UNKNOWN: "Job state unknown",
}
_DEPROVISION = _PROVISION | {
    JobState.PENDING: "Deprovision job triggered",
    JobState.WAITING: "Deprovision job triggered",
    JobState.RUNNING: "Deprovision job triggered",
    JobState.SUCCEEDED: "Deprovision completed",
}


def job_message(type: JobType, state: JobState, details: str = "") -> str:
    """One line on a job of *type* in *state*; *details* say why it failed, or what it waits for."""
    text = (_PROVISION if type is JobType.PROVISION else _DEPROVISION)[state]
    return shorten(f"{text}: {details}" if details else text)


def shorten(text: str, limit: int = MAX_MESSAGE_BYTES) -> str:
    """*text* in at most *limit* (4 or more) bytes of UTF-8, cut at a word if one ends near the end."""
    encoded = text.encode(errors="replace")  # JSON may hold half a character, UTF-8 may not
    if len(encoded) <= limit:
        return encoded.decode()
    cut = encoded[: limit - len(" …".encode())].decode(errors="ignore")
    word_ends = cut.rfind(" ", len(cut) - LONGEST_WORD)
    return (cut if word_ends <= 0 else cut[:word_ends]) + " …"
