"""Deletions, and what follows from them: finalizers are waited for, and what is owned goes with its owner.

Here alone the stand-in does what controllers of Kubernetes do: garbage collection and the end of
namespaces. It does it at once, before the request is answered, where they take a moment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.kube.objects import Key, Object, Stored, now
from sandbox.kube.refusals import conflict
from sandbox.kube.resources import NAMESPACES, Resource, Resources
from sandbox.kube.store import Change, ChangeType, Store
from sandbox.kube.updating import update
from sandbox.kube.writes import BY_ITSELF, Place, present

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
FINALIZERS = {FOREGROUND: "foregroundDeletion", ORPHAN: "orphan"}
"""Which of them a policy adds; they are ours to remove."""


@dataclass(frozen=True, kw_only=True)
class DeleteOptions:
    """``policy``: what becomes of what is owned. ``uid`` and ``version``, if set, must be the object's."""

    policy: str = BACKGROUND
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def read_delete_options(body: Object, query: Mapping[str, str]) -> DeleteOptions:
    preconditions = body.get("preconditions") or {}
    return DeleteOptions(
        policy=body.get("propagationPolicy") or query.get("propagationPolicy") or BACKGROUND,
        uid=preconditions.get("uid") or "",
        version=preconditions.get("resourceVersion") or "",
        dry_run=bool(query.get("dryRun") or body.get("dryRun")),
    )


class Deletions:
    """Deletes objects of *store*, and cleans up after every object that goes, whoever made it go."""

    def __init__(self, store: Store, resources: Resources) -> None:
        self._store = store
        self._resources = resources
        store.follow(self._clean_up)

    def delete(self, place: Place, options: DeleteOptions) -> Stored | None:
        """Begin a deletion. What is still there at its end, or would be deleted by a dry run, is answered."""
        before = present(self._store, place)
        _must_be_meant(place, before, options)
        if options.dry_run:
            return before
        marked = _marked(before, options.policy)
        if marked["metadata"].get("finalizers"):
            return self._mark(place, before, marked, options.policy)
        if place.resource.home == NAMESPACES:
            return self._end_namespace(place, before, marked)
        self._store.remove(place.resource, before)
        self._collect(before, options.policy)
        return None

    def _mark(self, place: Place, before: Stored, marked: Object, policy: str) -> Stored:
        """Leave an object to those who finalize it."""
        is_new = not before.is_going or marked["metadata"]["finalizers"] != before.metadata.get("finalizers")
        if is_new and "generation" in marked["metadata"]:
            marked["metadata"]["generation"] += 1
        left = self._store.put(place.resource, place.key, marked) if is_new else before
        self._collect(before, policy)
        self._release(place)
        return left

    def _end_namespace(self, place: Place, before: Stored, marked: Object) -> Stored:
        """Delete all that is in a namespace; it goes with the last of it."""
        left = before
        if not before.is_going:
            marked["status"] = {"phase": "Terminating"}
            left = self._store.put(place.resource, place.key, marked)
        for each in self._everything_in(place.name):
            if self._store.get(*each):
                self.delete(each, DeleteOptions())
        self._remove_empty_namespace(place.name)
        return left

    def _everything_in(self, namespace: str) -> list[Place]:
        return [
            Place(resource, key)
            for resource in self._resources.stored()
            for key in self._store.of(resource.home).objects
            if key.namespace == namespace
        ]

    def _collect(self, owner: Stored, policy: str) -> None:
        """Delete what *owner* owns, or set it free."""
        for place in [place for place, _ in self._owned_by(owner)]:
            if not (dependent := self._store.get(*place)):
                continue  # It went with another.
            if policy == ORPHAN:
                self._set_free(place, dependent, owner)
            else:
                self.delete(place, DeleteOptions(policy=policy))

    def _set_free(self, place: Place, dependent: Stored, owner: Stored) -> None:
        body = dependent.copy()
        metadata = body["metadata"]
        left = [each for each in metadata.pop("ownerReferences") if each.get("uid") != owner.metadata["uid"]]
        if left:
            metadata["ownerReferences"] = left
        update(self._store, place, body, BY_ITSELF)

    def _owned_by(self, owner: Stored) -> Iterator[tuple[Place, Stored]]:
        for resource in self._resources.stored():
            for key, each in self._store.of(resource.home).objects.items():
                if _reference(each, owner):
                    yield Place(resource, key), each

    def _clean_up(self, _: Resource, change: Change) -> None:
        """After an object went: its owners may wait for it, and its namespace too."""
        if change.type is not ChangeType.DELETED:
            return
        for reference in change.after.metadata.get("ownerReferences") or ():
            self._release_owner(reference, change.key.namespace)
        if change.key.namespace:
            self._remove_empty_namespace(change.key.namespace)

    def _release_owner(self, reference: Object, namespace: str) -> None:
        kind = self._resources.of_kind(reference.get("apiVersion", ""), reference.get("kind", ""))
        if kind:
            key = Key(namespace if kind.namespaced else "", reference.get("name", ""))
            self._release(Place(kind, key))

    def _release(self, place: Place) -> None:
        """Remove our finalizers from an object that is going, unless something that it owns holds it."""
        going = self._store.get(*place)
        if not going or not going.is_going:
            return
        is_held = any(
            (reference := _reference(each, going)) and reference.get("blockOwnerDeletion")
            for _, each in self._owned_by(going)
        )
        done = {FINALIZERS[ORPHAN]} if is_held else {*FINALIZERS.values()}
        body = going.copy()
        finalizers = body["metadata"].get("finalizers", [])
        if done & {*finalizers}:
            body["metadata"]["finalizers"] = [each for each in finalizers if each not in done]
            update(self._store, place, body, BY_ITSELF)

    def _remove_empty_namespace(self, name: str) -> None:
        namespace = self._store.namespace(name)
        resource = self._resources.find("", "v1", "namespaces")
        if resource and namespace and namespace.is_going and not self._store.has_any_in(name):
            self._store.remove(resource, namespace)


def _must_be_meant(place: Place, before: Stored, options: DeleteOptions) -> None:
    wanted = (
        ("UID", options.uid, before.metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.version, before.version, "modified"),
    )
    for what, expected, is_, happened in wanted:
        if expected and expected != is_:
            raise conflict(
                place.resource,
                place.name,
                f"the {what} in the precondition ({expected}) does not match the {what} in record ({is_}). "
                f"The object might have been {happened}",
            )


def _marked(before: Stored, policy: str) -> Object:
    """The object as one that is being deleted."""
    body = before.copy()
    metadata = body["metadata"]
    if policy in FINALIZERS and FINALIZERS[policy] not in metadata.get("finalizers", ()):
        metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZERS[policy]]
    metadata.setdefault("deletionTimestamp", now())
    metadata["deletionGracePeriodSeconds"] = 0
    return body


def _reference(dependent: Stored, owner: Stored) -> Object | None:
    """How *dependent* refers to *owner*, if it does."""
    references = dependent.metadata.get("ownerReferences") or ()
    return next((each for each in references if each.get("uid") == owner.metadata["uid"]), None)
