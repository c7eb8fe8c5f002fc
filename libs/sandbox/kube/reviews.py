"""Reviews: questions that are answered at once and never stored. Who is this, and what may they do?"""

from sandbox.kube.accounts import Right
from sandbox.kube.gate import Gate, User
from sandbox.kube.objects import Object
from sandbox.kube.resources import Resource, Resources


def review(resource: Resource, resources: Resources, question: Object, user: User, gate: Gate) -> Object:
    """*question*, as *user* asks it, with the answer as its status."""
    spec = question.get("spec") or {}
    if resource.kind == "TokenReview":
        return {**question, "status": _identity(spec, gate)}
    if resource.kind == "SubjectAccessReview":
        user = User(spec.get("user", ""), tuple(spec.get("groups", ())))
    return {
        **question,
        "status": {"allowed": _may(spec.get("resourceAttributes") or {}, resources, user, gate)},
    }


def _identity(spec: Object, gate: Gate) -> Object:
    user = gate.user_with(spec.get("token", ""))
    if user is None:
        return {"authenticated": False, "error": "invalid bearer token"}
    return {
        "authenticated": True,
        "user": {"username": user.name, "groups": user.groups},
        "audiences": spec.get("audiences", []),
    }


def _may(attributes: Object, resources: Resources, user: User, gate: Gate) -> bool:
    """What nobody serves, everybody may do."""
    group, plural = attributes.get("group", ""), attributes.get("resource", "")
    if not resources.of_any_version(group, plural):
        return True
    subresource = attributes.get("subresource", "")
    name = f"{plural}/{subresource}" if subresource else plural
    return gate.lets(user, Right(attributes.get("verb", ""), group, name))
