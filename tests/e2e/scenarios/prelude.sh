# Read by the scenarios before anything else: how they compare what is shown with what is expected.
#
# They need KUBECONFIG, AAP_URL (ends with /v2), AAP_TOKEN, and of cloudkit-aap-poller or cloudkit-eda-dispatcher
# its log (OPERATOR_LOG) and its environment, a line NAME=value each (OPERATOR_ENV).
set -euo pipefail
trap 'kill $(jobs -pr) 2>/dev/null || true' EXIT # whoever gives up leaves nothing running

WITHIN=${WITHIN:-40} # seconds that anything may take

# expect TEXT COMMAND...: run it, and see TEXT in what it shows.
expect() {
    local text=$1 shown
    shift
    shown=$("$@" 2>&1) || true
    echo "$shown"
    [[ $shown == *"$text"* ]] || give_up "expected: $text"
}

# watch_until TEXT SCRIPT: `watch -n 0.1 SCRIPT` that ends once TEXT is shown; SEEN is all that was shown.
watch_until() {
    local text=$1 script=$2 shown last=
    SEEN=
    for ((end = SECONDS + WITHIN; SECONDS < end; )); do
        shown=$(eval "$script" 2>&1) || true
        [[ $shown == "$last" ]] || echo "$shown"
        last=$shown SEEN+=$shown
        [[ $shown != *"$text"* ]] || return 0
        sleep 0.1
    done
    give_up "never shown: $text"
}

# seen TEXT...: everything that the last watch_until showed, in this order.
seen() {
    local rest=$SEEN text
    for text; do
        [[ $rest == *"$text"* ]] || give_up "not shown, or not in this order: $text"
        rest=${rest#*"$text"}
    done
}

give_up() {
    echo "*** $1" >&2
    exit 1
}

if ! command -v jq >/dev/null; then
    # As much of it as the scenarios use: `jq` and `jq .field`.
    jq() {
        python3 -c 'import json, sys
value = json.load(sys.stdin)
print(json.dumps(value[sys.argv[1][1:]] if sys.argv[1:] else value, indent=2))' "$@"
    }
fi
