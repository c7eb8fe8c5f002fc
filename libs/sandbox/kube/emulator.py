"""A small, faithful Kubernetes API in memory: objects, CRDs, watches, patches, apply, discovery.

This file is a draft: it does its work (tests/contract/kubernetes holds it to what a real API server
does) but is one piece, untyped and terse. It is kept out of ruff and mypy until it is split by subject:
store, schema, patches, apply, watch, discovery, HTTP.

It knows no CEL, no webhooks and no CBOR. `metadata.managedFields` appears on an object with its first
server-side apply; until then only who wrote it is remembered, because tracking fields on every write
halves the write rate.
"""

from __future__ import annotations
import asyncio, base64, collections, datetime, json, random, re, time, uuid
from dataclasses import dataclass, field
from typing import Any
import jsonpatch, jsonschema_rs, msgspec, yaml
from aiohttp import web
from sandbox.kube import events, protobuf

enc = msgspec.json.Encoder().encode
dec = msgspec.json.Decoder().decode
now = lambda: datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
DNS = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")


class ApiError(Exception):
    def __init__(self, code, reason, message, details=None, causes=None):
        self.code, self.reason, self.message = code, reason, message
        self.details = dict(details or {})
        if causes:
            self.details["causes"] = causes

    metadata = {}

    def body(self):
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def bad(m):
    return ApiError(400, "BadRequest", m)


def fieldpath(parts):
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")


# ---------------------------------------------------------------- structural schema
class Schema:
    def __init__(self, s):
        self.s = s or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        self.validator = jsonschema_rs.Draft7Validator(self._conv(self.s), validate_formats=True)

    def _conv(self, s):
        o = {}
        for k, v in s.items():
            if k == "properties":
                o[k] = {a: self._conv(b) for a, b in v.items()}
            elif k == "items" or (k == "additionalProperties" and isinstance(v, dict)):
                o[k] = self._conv(v)
            elif k in ("allOf", "anyOf", "oneOf"):
                o[k] = [self._conv(x) for x in v]
            elif k == "not":
                o[k] = self._conv(v)
            elif k == "exclusiveMinimum" or k == "exclusiveMaximum":
                if v is True:
                    o[k] = s["minimum" if "Min" in k else "maximum"]
            elif (
                k in ("nullable", "default")
                or k.startswith("x-")
                or (
                    k == "format"
                    and v
                    not in ("date-time", "date", "ipv4", "ipv6", "uri", "uuid", "email", "hostname")
                )
            ):
                pass
            else:
                o[k] = v
        if s.get("x-kubernetes-int-or-string"):
            o["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        if s.get("nullable") and "type" in o:
            o["type"] = [o["type"], "null"]
        return o

    def prune(self, v, s=None, path="", out=None):
        s = self.s if s is None else s
        out = [] if out is None else out
        if isinstance(v, dict):
            p, ap, keep = (
                s.get("properties", {}),
                s.get("additionalProperties"),
                s.get("x-kubernetes-preserve-unknown-fields"),
            )
            for k in list(v):
                if path == "" and k in ("apiVersion", "kind", "metadata"):
                    continue
                if s.get("x-kubernetes-embedded-resource") and k in (
                    "apiVersion",
                    "kind",
                    "metadata",
                ):
                    continue
                if k in p:
                    self.prune(v[k], p[k], f"{path}.{k}", out)
                elif isinstance(ap, dict):
                    self.prune(v[k], ap, f"{path}.{k}", out)
                elif not keep and ap is not True:
                    out.append(f"{path}.{k}")
                    del v[k]
        elif isinstance(v, list) and isinstance(s.get("items"), dict):
            for i, x in enumerate(v):
                self.prune(x, s["items"], f"{path}[{i}]", out)
        return out

    def default(self, v, s=None):
        s = self.s if s is None else s
        if isinstance(v, dict):
            for k, ps in s.get("properties", {}).items():
                if "default" in ps and (k not in v or (v[k] is None and not ps.get("nullable"))):
                    v[k] = dec(enc(ps["default"]))
                elif k in v and v[k] is None and not ps.get("nullable"):
                    del v[k]
                if k in v:
                    self.default(v[k], ps)
            if isinstance(s.get("additionalProperties"), dict):
                for x in v.values():
                    self.default(x, s["additionalProperties"])
        elif isinstance(v, list) and isinstance(s.get("items"), dict):
            for x in v:
                self.default(x, s["items"])

    def errors(self, o):
        if self.validator.is_valid(o):
            return list(self.duplicates(o))
        out = []
        for e in self.validator.iter_errors(o):
            path, rule = list(e.instance_path), str(list(e.schema_path)[-1])
            if rule == "required":
                path.append(re.match(r'"(.*)" is a required', e.message)[1])
            reason = {
                "required": "FieldValueRequired",
                "enum": "FieldValueNotSupported",
                "type": "FieldValueTypeInvalid",
                "format": "FieldValueTypeInvalid",
            }.get(rule, "FieldValueInvalid")
            out.append({"reason": reason, "message": e.message, "field": fieldpath(path)})
        return out

    def duplicates(self, v, s=None, path=()):  # listType map and set
        s = self.s if s is None else s
        if isinstance(v, dict):
            for k, x in v.items():
                yield from self.duplicates(x, sub(s, k), (*path, k))
        elif isinstance(v, list):
            lt, seen = s.get("x-kubernetes-list-type"), set()
            for i, x in enumerate(v):
                if lt in ("map", "set"):
                    key = lk(s, x) if lt == "map" else json.dumps(x, sort_keys=True)
                    if key in seen:
                        yield {
                            "reason": "FieldValueDuplicate",
                            "message": f"Duplicate value: {key}",
                            "field": fieldpath((*path, i)),
                        }
                    seen.add(key)
                yield from self.duplicates(x, s.get("items") or {}, (*path, i))


# ---------------------------------------------------------------- resources
@dataclass
class Res:
    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short: list = field(default_factory=list)
    categories: list = field(default_factory=list)
    status: bool = False
    schema: Schema | None = None
    columns: list = field(default_factory=list)
    custom: bool = False
    selectable: list = field(default_factory=list)
    virtual: bool = False
    listkind: str = ""

    @property
    def gv(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self):
        return ("", "events") if self.plural == "events" else (self.group, self.plural)


CORE = [
    Res("", "v1", "namespaces", "Namespace", False, "namespace", ["ns"], status=True),
    Res("", "v1", "events", "Event", short=["ev"]),
    Res("", "v1", "configmaps", "ConfigMap", short=["cm"]),
    Res("", "v1", "secrets", "Secret"),
    Res("", "v1", "serviceaccounts", "ServiceAccount", short=["sa"]),
    Res("", "v1", "pods", "Pod", short=["po"], status=True),
    Res("", "v1", "services", "Service", short=["svc"], status=True),
    Res("", "v1", "nodes", "Node", False, short=["no"], status=True),
    Res("events.k8s.io", "v1", "events", "Event"),
    Res("coordination.k8s.io", "v1", "leases", "Lease"),
    Res(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        False,
        short=["crd", "crds"],
        status=True,
    ),
    Res("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", False, virtual=True),
    Res(
        "authorization.k8s.io",
        "v1",
        "subjectaccessreviews",
        "SubjectAccessReview",
        False,
        virtual=True,
    ),
    Res(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        False,
        virtual=True,
    ),
]


def parse_labels(sel):
    reqs = []
    for p in re.findall(r"[^,(]+(?:\([^)]*\))?", sel or ""):
        p = p.strip()
        if not p:
            continue
        if m := re.match(r"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$", p):
            k, op, vs = m[1], m[2], {x.strip() for x in m[3].split(",")}
        elif p.count("=") - p.count("==") > 1:
            raise bad(
                f"unable to parse requirement: found '=', expected: ',' or 'end of string': {p}"
            )
        elif "!=" in p:
            k, v = p.split("!=")
            op, vs = "notin", {v.strip()}
        elif "=" in p:
            k, v = re.split("==?", p, maxsplit=1)
            op, vs = "in", {v.strip()}
        elif p[0] == "!":
            k, op, vs = p[1:], "absent", set()
        else:
            k, op, vs = p, "exists", set()
        k = k.strip()
        reqs.append((k, op, vs))

    def f(o):
        l = o["metadata"].get("labels") or {}
        return all(
            (k in l and l[k] in vs)
            if op == "in"
            else (l.get(k) not in vs)
            if op == "notin"
            else (k in l)
            if op == "exists"
            else k not in l
            for k, op, vs in reqs
        )

    return f if reqs else None


def jget(o, path):
    for p in [x for x in re.split(r"\.|\[|\]", path) if x]:
        if isinstance(o, list) and p == "-1:":
            o = o[-1] if o else None
        elif isinstance(o, list):
            if m := re.match(r"\?\(@", p):
                return None
            o = o[int(p)] if p.isdigit() and int(p) < len(o) else None
        else:
            o = o.get(p) if isinstance(o, dict) else None
    return o


def jcol(o, path):  # printer columns: .status.conditions[?(@.type=="Ready")].status
    if m := re.match(r'^(.*)\[\?\(@\.(\w+)\s*==\s*["\'](.*?)["\']\)\](.*)$', path):
        return next((jget(x, m[4]) for x in jget(o, m[1]) or [] if x.get(m[2]) == m[3]), None)
    return jget(o, path)


# ---------------------------------------------------------------- server-side apply (field sets)
def atomic(s, v):
    return (
        not isinstance(v, (dict, list))
        or (isinstance(v, dict) and s.get("x-kubernetes-map-type") == "atomic")
        or (isinstance(v, list) and s.get("x-kubernetes-list-type", "atomic") == "atomic")
    )


def sub(s, k):
    return s.get("properties", {}).get(k) or (
        s.get("additionalProperties") if isinstance(s.get("additionalProperties"), dict) else {}
    )


def lk(s, x):
    return "k:" + json.dumps(
        {k: x.get(k) for k in s.get("x-kubernetes-list-map-keys", [])},
        separators=(",", ":"),
        sort_keys=True,
    )


def fields(v, s, p=(), dots=False):
    if isinstance(v, dict) and not atomic(s, v):
        if not v:
            return {p: v}
        out = {p + (".",): None} if dots and p and p != ("f:metadata",) else {}
        for k, x in v.items():
            out |= fields(x, sub(s, k), p + ("f:" + k,), dots)
        return out
    if isinstance(v, list) and not atomic(s, v):
        out = {p + (".",): None} if dots else {}
        it = s.get("items", {})
        for x in v:
            if s["x-kubernetes-list-type"] == "map":
                q = p + (lk(s, x),)
                out[q + (".",)] = None
                out |= fields(x, it, q, dots)
            else:
                out[p + ("v:" + json.dumps(x),)] = x
        return out
    return {p: v}


def merge(live, ap, s):
    if isinstance(ap, dict) and isinstance(live, dict) and not atomic(s, ap):
        o = dict(live)
        for k, v in ap.items():
            o[k] = merge(live[k], v, sub(s, k)) if k in live else v
        return o
    if isinstance(ap, list) and isinstance(live, list) and not atomic(s, ap):
        if s["x-kubernetes-list-type"] == "set":
            return live + [x for x in ap if x not in live]
        o = list(live)
        idx = {lk(s, x): i for i, x in enumerate(o)}
        for x in ap:
            k = lk(s, x)
            if k in idx:
                o[idx[k]] = merge(o[idx[k]], x, s.get("items", {}))
            else:
                o.append(x)
        return o
    return ap


def remove(v, p, s):
    h, t = p[0], p[1:]
    if h.startswith("f:") and isinstance(v, dict):
        k = h[2:]
        if k in v:
            if not t:
                del v[k]
            else:
                remove(v[k], t, sub(s, k))
                if v[k] in ({}, []):
                    del v[k]
    elif h.startswith("k:") and isinstance(v, list):
        for i, x in enumerate(v):
            if lk(s, x) == h:
                if t in ((), (".",)):
                    del v[i]
                else:
                    remove(x, t, s.get("items", {}))
                break
    elif h.startswith("v:") and isinstance(v, list) and json.loads(h[2:]) in v:
        v.remove(json.loads(h[2:]))


def to_v1(paths):
    r = {}
    for p in paths:
        d = r
        for x in p:
            d = d.setdefault(x, {})
    return r


def dotted(p):  # ('f:spec', 'f:size') -> .spec.size
    return "".join(
        "." + x[2:]
        if x.startswith("f:")
        else "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(x[2:]).items()) + "]"
        if x.startswith("k:")
        else f"[={x[2:]}]"
        for x in p
        if x != "."
    )


def from_v1(d, p=()):
    return {p} if not d else set().union(*(from_v1(v, p + (k,)) for k, v in d.items()))


SSA_SKIP = {("f:" + k,) for k in ("apiVersion", "kind")} | {
    ("f:metadata", "f:" + k)
    for k in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
}
META = {
    "properties": {
        "finalizers": {"x-kubernetes-list-type": "set"},
        "ownerReferences": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"]},
    }
}


def fset(o, s, dots=False):
    return {
        p: v
        for p, v in fields(
            o, {"properties": {**(s or {}).get("properties", {}), "metadata": META}}, (), dots
        ).items()
        if p and p[:2] not in SSA_SKIP and p[:1] not in SSA_SKIP
    }


# ---------------------------------------------------------------- store
class Obj:
    # writers: who wrote what is here, as runs of (manager, subresource, object before the run)
    __slots__ = ("d", "raw", "writers")

    def __init__(self, d, writers=()):
        self.d, self.raw, self.writers = d, enc(d), writers


class Store:
    def __init__(self, log_size: int = 20000) -> None:
        # The clock, in microseconds: no life reuses a version of an earlier one, so a client that
        # resumes from an earlier life gets 410 Gone, as it should after a lost etcd.
        self.birth = self.rv = time.time_ns() // 1000
        self.tables = collections.defaultdict(dict)
        self.log = collections.defaultdict(lambda: collections.deque(maxlen=log_size))
        self.floor = collections.defaultdict(int)
        self.subs = collections.defaultdict(set)
        self.snaps = {}
        # gets the resource, version, type and object of every change
        self.keep = lambda key, rv, typ, obj: None

    def close(self) -> None:
        """End every open watch."""
        for queues in self.subs.values():
            for q in queues:
                q.put_nowait(None)

    def publish(self, key, typ, obj, old):
        q = self.log[key]
        if len(q) == q.maxlen:
            self.floor[key] = q[0][0]
        ev = (self.rv, typ, obj, old)
        q.append(ev)
        self.keep(key, self.rv, typ, obj)
        for s in self.subs[key]:
            s.put_nowait(ev)

    def compact(self, key=None):
        for k in [key] if key else list(self.tables):
            self.floor[k] = self.rv
            self.log[k].clear()
        self.snaps.clear()


class Emulator:
    def __init__(
        self,
        tokens: dict[str, tuple[str, list[str]]] | None = None,
        rules: Any = None,
        bookmark: float = 1.0,
        auto_ns: bool = False,
    ) -> None:
        self.st: Store = Store()
        self.res = {(r.group, r.version, r.plural): r for r in CORE}
        for r in CORE:
            r.singular = r.singular or r.kind.lower()
            r.listkind = r.kind + "List"
        self.tokens, self.rules, self.bookmark, self.auto_ns = tokens, rules, bookmark, auto_ns
        for n in ("default", "kube-system"):
            self.create(self.res["", "v1", "namespaces"], None, {"metadata": {"name": n}}, {})

    # ---- helpers
    def qual(self, r):
        return r.plural + ("." + r.group if r.group else "")

    def det(self, r, name, kind=None):
        return {
            k: v for k, v in (("name", name), ("group", r.group), ("kind", kind or r.plural)) if v
        }

    def nf(self, r, name):
        return ApiError(404, "NotFound", f'{self.qual(r)} "{name}" not found', self.det(r, name))

    def cur(self, r, ns, name):
        if (o := self.st.tables[r.key].get((ns, name))) is None:
            raise self.nf(r, name)
        return o

    def invalid(self, r, o, causes):
        return ApiError(
            422,
            "Invalid",
            f'{r.kind}{"." + r.group if r.group else ""} "{o["metadata"].get("name", "")}" is invalid: '
            + "; ".join(f"{c['field']}: {c['message']}" for c in causes),
            self.det(r, o["metadata"].get("name"), r.kind),
            causes,
        )

    def options(self, kind, field, message, reason):
        return ApiError(
            422,
            "Invalid",
            f'{kind}.meta.k8s.io "" is invalid: {field}: {message}',
            {"group": "meta.k8s.io", "kind": kind},
            [self.cause(field, message, reason)],
        )

    def cause(self, f, m, reason="FieldValueInvalid"):
        return {"reason": reason, "message": m, "field": f}

    def conflict(
        self,
        r,
        name,
        m="the object has been modified; please apply your changes to the latest version and try again",
    ):
        return ApiError(
            409,
            "Conflict",
            f'Operation cannot be fulfilled on {self.qual(r)} "{name}": {m}',
            self.det(r, name),
        )

    def shape(self, r, o, q):
        warns = []
        if r.schema:
            if dropped := r.schema.prune(o):
                fv = q.get("fieldValidation", "Warn")
                if fv == "Strict":
                    raise bad(
                        f'{r.kind} in version "{r.version}" cannot be handled as a {r.kind}: strict decoding error: '
                        + ", ".join(f'unknown field "{d[1:]}"' for d in dropped)
                    )
                if fv == "Warn":
                    warns = [f'unknown field "{d[1:]}"' for d in dropped]
            r.schema.default(o)
            if e := r.schema.errors(o):
                raise self.invalid(r, o, e)
        return warns

    def commit(self, r, ns, name, typ, new, old, writers=None):
        self.st.rv += 1
        new["metadata"]["resourceVersion"] = str(self.st.rv)
        ob = Obj(new, writers if writers is not None else old.writers if old else ())
        if typ == "DELETED":
            self.st.tables[r.key].pop((ns, name), None)
        else:
            self.st.tables[r.key][ns, name] = ob
        self.st.publish(r.key, typ, ob, old)
        if r.plural == "customresourcedefinitions":
            self.sync_crd(new, typ)
        if typ == "DELETED":
            for x in new["metadata"].get("ownerReferences") or ():
                for p in [
                    p
                    for p in self.res.values()
                    if (p.gv, p.kind) == (x.get("apiVersion"), x.get("kind"))
                ]:
                    self.gc_finish(p, ns if p.namespaced else None, x.get("name"))
            if ns:
                self.finish_ns(ns)
        return ob

    # ---- verbs
    def install(self, o: dict[str, Any]) -> None:
        """Create an object whose own apiVersion and kind say where it belongs."""
        r = next(r for r in self.res.values() if (r.gv, r.kind) == (o["apiVersion"], o["kind"]))
        self.create(r, o["metadata"].get("namespace") if r.namespaced else None, o, {})

    def create(self, r, ns, o, q, manager=None):
        m = o.setdefault("metadata", {})
        if r.custom and o.get("kind", r.kind) != r.kind:
            raise ApiError(
                422,
                "Invalid",
                f'{o["kind"]}.{r.group} "{m.get("name", "")}" is invalid: kind: Invalid value: "{o["kind"]}": must be {r.kind}',
                self.det(r, m.get("name"), o["kind"]),
                [self.cause("kind", f'Invalid value: "{o["kind"]}": must be {r.kind}')],
            )
        if o.setdefault("kind", r.kind) != r.kind or o.setdefault("apiVersion", r.gv) != r.gv:
            raise bad(
                f"the API version/kind in the data ({o['apiVersion']}, {o['kind']}) does not match the expected ({r.gv}, {r.kind})"
            )
        if r.namespaced:
            if m.setdefault("namespace", ns) != ns:
                raise bad(
                    f"the namespace of the provided object does not match the namespace sent on the request"
                )
            nso = self.st.tables["", "namespaces"].get((None, ns))
            if nso is None:
                if not self.auto_ns:
                    raise ApiError(
                        404,
                        "NotFound",
                        f'namespaces "{ns}" not found',
                        {"name": ns, "kind": "namespaces"},
                    )
                self.create(self.res["", "v1", "namespaces"], None, {"metadata": {"name": ns}}, {})
            elif nso.d["metadata"].get("deletionTimestamp"):
                raise ApiError(
                    403,
                    "Forbidden",
                    f'{self.qual(r)} "{m.get("name", "")}" is forbidden: unable to create new content in namespace {ns} because it is being terminated',
                    self.det(r, m.get("name")),
                    [
                        self.cause(
                            "metadata.namespace",
                            f"namespace {ns} is being terminated",
                            "NamespaceTerminating",
                        )
                    ],
                )
        if not m.get("name") and m.get("generateName"):
            m["name"] = m["generateName"] + "".join(
                random.choices("bcdfghjklmnpqrstvwxz2456789", k=5)
            )
        if not m.get("name"):
            raise self.invalid(
                r,
                o,
                [
                    self.cause(
                        "metadata.name", "name or generateName is required", "FieldValueRequired"
                    )
                ],
            )
        name = m["name"]
        if len(name) > 253 or not DNS.match(name):
            raise self.invalid(
                r,
                o,
                [
                    self.cause(
                        "metadata.name",
                        f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
                    )
                ],
            )
        if m.pop("resourceVersion", None):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if there := self.st.tables[r.key].get((ns, name)):
            raise ApiError(
                409,
                "AlreadyExists",
                (
                    "object is being deleted: "
                    if there.d["metadata"].get("deletionTimestamp")
                    else ""
                )
                + f'{self.qual(r)} "{name}" already exists',
                self.det(r, name),
            )
        for k in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            m.pop(k, None)
        m["uid"] = str(uuid.uuid4())
        m["creationTimestamp"] = now()
        if r.status:
            o.pop("status", None)
        if r.custom:
            m["generation"] = 1
        if r.plural == "namespaces":
            o["status"] = {"phase": "Active"}
            o["spec"] = {"finalizers": ["kubernetes"]}
            m["labels"] = {**(m.get("labels") or {}), "kubernetes.io/metadata.name": name}
        if r.plural == "secrets":
            o.setdefault("type", "Opaque")
        if r.plural == "secrets" and "stringData" in o:
            o.setdefault("data", {}).update(
                {k: base64.b64encode(v.encode()).decode() for k, v in o.pop("stringData").items()}
            )
        if r.plural == "customresourcedefinitions":
            self.check_crd(o)
        w = self.shape(r, o, q)
        self.check_builtin(r, ns, o)
        if q.get("dryRun"):
            return Obj(o), w
        writers = ((manager, None, None),) if manager else ()
        return self.commit(r, ns, name, "ADDED", o, None, writers), w

    def check_builtin(self, r, ns, o):
        if r.plural == "leases" and (o.get("spec") or {}).get("leaseDurationSeconds", 1) <= 0:
            raise self.invalid(
                r, o, [self.cause("spec.leaseDurationSeconds", "must be greater than 0")]
            )
        if r.plural == "events":
            self.check_event(r, ns, o, None)

    def check_event(self, r, ns, o, old):
        o["apiVersion"] = "v1"
        if wrong := events.unreadable_time(o):
            raise bad(f'parsing time "{wrong}" as "2006-01-02T15:04:05.000000Z07:00"')
        if causes := [self.cause(*problem) for problem in events.problems(o, old, ns, r.group)]:
            raise self.invalid(r, o, causes)

    def update(self, r, ns, name, new, q, subres=None, must_rv=False, manager=None):
        old = self.cur(r, ns, name)
        od = old.d
        m = new.setdefault("metadata", {})
        om = od["metadata"]
        if new.get("kind", r.kind) != r.kind:
            raise bad("kind mismatch")
        new.setdefault("kind", r.kind)
        new.setdefault("apiVersion", r.gv)
        if m.get("name", name) != name:
            raise bad(
                f"the name of the object ({m['name']}) does not match the name on the URL ({name})"
            )
        rv = m.get("resourceVersion")
        if not rv and must_rv and r.custom:
            raise self.invalid(
                r,
                {"metadata": {"name": name}},
                [
                    self.cause(
                        "metadata.resourceVersion",
                        "Invalid value: 0x0: must be specified for an update",
                    )
                ],
            )
        if rv and rv != om["resourceVersion"]:
            raise self.conflict(r, name)
        fixed = [
            k
            for k in ("deletionTimestamp", *(() if must_rv else ("uid",)))
            if m.get(k) and m[k] != om.get(k)
        ]
        if fixed:
            raise self.invalid(
                r,
                od,
                [
                    self.cause(f"metadata.{k}", f"Invalid value: {m[k]}: field is immutable")
                    for k in fixed
                ],
            )
        if not m.get("managedFields") and "managedFields" in om:
            m["managedFields"] = om["managedFields"]
        if m.get("uid", om["uid"]) != om["uid"]:
            raise self.conflict(
                r,
                name,
                "Precondition failed: UID in precondition: %s, UID in object meta: %s"
                % (m["uid"], om["uid"]),
            )
        if subres == "status":
            st = new.get("status")
            mf = m.get("managedFields")
            new = {k: v for k, v in od.items() if k != "status"}
            new["metadata"] = m = dict(om)
            if st is not None:
                new["status"] = st
            if mf is not None:
                m["managedFields"] = mf
        elif r.status:
            new.pop("status", None)
            if "status" in od:
                new["status"] = od["status"]
        for k in (
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "name",
            "namespace",
        ):
            if k in om:
                m[k] = om[k]
            else:
                m.pop(k, None)
        if not m.get("finalizers"):
            m.pop("finalizers", None)
        w = self.shape(r, new, q)
        if r.plural == "events":
            self.check_event(r, ns, new, od)
        if om.get("deletionTimestamp") and set(m.get("finalizers", [])) - set(
            om.get("finalizers", [])
        ):
            raise self.invalid(
                r,
                new,
                [
                    self.cause(
                        "metadata.finalizers",
                        "Forbidden: no new finalizers can be added if the object is being deleted",
                        "FieldValueForbidden",
                    )
                ],
            )
        body = lambda d: {
            k: v
            for k, v in d.items()
            if k not in ("metadata", "apiVersion", "kind") and not (r.status and k == "status")
        }
        if r.custom and body(new) != body(od):
            m["generation"] = om.get("generation", 0) + 1
        writers = old.writers
        if manager and "managedFields" in om:
            self.track(r, od, new, manager, subres)
        if new == od:
            return old, w
        if q.get("dryRun"):
            return Obj(new), w
        if om.get("deletionTimestamp") and not m.get(
            "finalizers"
        ):  # this last write is not stored: the event shows the state before it
            self.commit(r, ns, name, "DELETED", dec(old.raw), old)
            return Obj(new), w
        if manager and writers and writers[-1][:2] != (manager, subres):
            # Beyond sixteen runs the oldest count as the creator's.
            writers = (*writers[:1], *writers[1:][-15:], (manager, subres, od))
        return self.commit(r, ns, name, "MODIFIED", new, old, writers), w

    def replay(self, r, o):  # the managedFields that tracking every write would have made
        after = None
        for i, (manager, subres, before) in enumerate(o.writers):
            last = after["metadata"].get("managedFields") if after else None
            before = {**before, "metadata": {**before["metadata"], "managedFields": last}} if before else None
            after = dict(o.writers[i + 1][2] if i + 1 < len(o.writers) else o.d)
            after["metadata"] = {**after["metadata"], "managedFields": last}
            self.track(r, before, after, manager, subres)
        return after and after["metadata"]["managedFields"]

    def track(self, r, od, new, manager, subres):
        s = r.schema.s if r.schema else None
        a, b = fset(od, s, True) if od else {}, fset(new, s, True)
        ch = {p for p, v in b.items() if p not in a or a[p] != v}
        gone = a.keys() - b.keys()
        if not ch and not gone:
            return
        mf = []
        mine = None
        for e in (od or {}).get("metadata", {}).get("managedFields") or []:
            e = dict(e)
            ps = from_v1(e["fieldsV1"])
            is_me = (
                e["manager"] == manager
                and e["operation"] == "Update"
                and e.get("subresource") == subres
            )
            ps = (ps | ch if is_me else ps - ch) - gone
            if is_me:
                mine = e
                e["time"] = now()
            if ps:
                e["fieldsV1"] = to_v1(ps)
                mf.append(e)
        if mine is None and ch:
            mf.append(
                {
                    "manager": manager,
                    "operation": "Update",
                    "apiVersion": r.gv,
                    "time": now(),
                    "fieldsType": "FieldsV1",
                    "fieldsV1": to_v1(ch),
                    **({"subresource": subres} if subres else {}),
                }
            )
        new["metadata"]["managedFields"] = mf

    def apply(self, r, ns, name, ap, q, subres):
        mgr, force = q.get("fieldManager"), q.get("force") in ("true", "True", "1")
        if not mgr:
            raise self.options(
                "PatchOptions",
                "fieldManager",
                "Required value: is required for apply patch",
                "FieldValueRequired",
            )
        if ap.get("kind") != r.kind or ap.get("apiVersion") != r.gv:
            raise bad("invalid object type in apply")
        if (ap.get("metadata") or {}).get("managedFields"):
            raise bad("metadata.managedFields must be nil")
        ap = dec(enc(ap))
        ap.setdefault("metadata", {})
        s = r.schema.s if r.schema else None
        rootS = {"properties": {**(s or {}).get("properties", {}), "metadata": META}}
        if r.schema:
            dropped = r.schema.prune(ap)
            if dropped and q.get("fieldValidation") == "Strict":
                raise bad("strict decoding error: unknown field " + ", ".join(dropped))
        if subres == "status":
            ap = {k: v for k, v in ap.items() if k in ("apiVersion", "kind", "metadata", "status")}
        elif r.status:
            ap.pop("status", None)
        mine = fset(ap, s)
        entry = lambda ps, op="Apply", mg=mgr: {
            "manager": mg,
            "operation": op,
            "apiVersion": r.gv,
            "time": now(),
            "fieldsType": "FieldsV1",
            "fieldsV1": to_v1(ps),
            **({"subresource": subres} if subres else {}),
        }
        cur = self.st.tables[r.key].get((ns, name))
        if cur is None:
            if subres:
                raise self.nf(r, name)
            ap["metadata"]["name"] = name
            ap["metadata"]["managedFields"] = [entry(mine)]
            ap["metadata"].pop("resourceVersion", None)
            return (*self.create(r, ns, ap, q), 201)
        live = dec(cur.raw)
        mf = live["metadata"].get("managedFields") or self.replay(r, cur) or [
            entry(fset(live, s), "Update", "before-first-apply")
        ]
        lf = fset(live, s)
        prev = set()
        others = []
        conf = []
        for e in mf:
            ps = from_v1(e["fieldsV1"])
            if e["manager"] == mgr and e["operation"] == "Apply" and e.get("subresource") == subres:
                prev = ps
                continue
            c = {p for p in ps & mine.keys() if p[-1] != "." and lf.get(p) != mine[p]}
            using = f" using {e['apiVersion']}" if e["operation"] == "Update" else ""
            if c and not force:
                conf += [
                    self.cause(dotted(p), f'conflict with "{e["manager"]}"{using}', "FieldManagerConflict")
                    for p in c
                ]
            others.append((e, ps - c))
        if conf:
            raise ApiError(
                409,
                "Conflict",
                f"Apply failed with {len(conf)} conflict{'s' if len(conf) > 1 else ''}: "
                + ", ".join(f"{c['message']}: {c['field']}" for c in conf),
                {},
                conf,
            )
        new = merge(live, ap, rootS)
        keep = set().union(*(ps for _, ps in others)) if others else set()
        for p in sorted(prev - mine.keys() - keep, key=lambda p: (p[-1] != ".", -len(p))):
            remove(new, p, rootS)
        unch = new == live
        new["metadata"].pop("resourceVersion", None)
        if ap["metadata"].get("resourceVersion"):
            new["metadata"]["resourceVersion"] = ap["metadata"]["resourceVersion"]
        new["metadata"]["managedFields"] = (
            live["metadata"].get("managedFields")
            if unch and prev == mine.keys()
            else [{**e, "fieldsV1": to_v1(ps)} for e, ps in others if ps] + [entry(mine)]
        )
        return (*self.update(r, ns, name, new, q, subres), 200)

    def patch(self, r, ns, name, ct, raw, q, subres, manager):
        if ct in ("application/apply-patch+yaml", "application/apply-patch+cbor"):
            return self.apply(
                r,
                ns,
                name,
                yaml.safe_load(raw) if not raw.lstrip().startswith(b"{") else dec(raw),
                q,
                subres,
            )
        p = dec(raw)
        for _ in range(1):
            cur = self.cur(r, ns, name)
            d = dec(self.view(r, cur))
            if ct == "application/merge-patch+json" or (
                ct == "application/strategic-merge-patch+json" and not r.custom
            ):
                if not isinstance(p, dict):
                    raise bad("merge patch must be an object")
                new = self.strategic(d, p) if "strategic" in ct else self.mp(d, p)
            elif ct == "application/json-patch+json":
                if not isinstance(p, list):
                    raise bad(
                        "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"
                    )
                try:
                    new = jsonpatch.apply_patch(d, p)
                except jsonpatch.JsonPatchTestFailed as e:
                    raise ApiError(
                        422,
                        "Invalid",
                        f"the server rejected our request due to an error in our request: {e}",
                    )
                except Exception as e:
                    raise ApiError(
                        422,
                        "Invalid",
                        f"the server rejected our request due to an error in our request: {e}",
                    )
            else:
                raise ApiError(
                    415,
                    "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                )
            if (new.get("metadata") or {}).get("resourceVersion") == cur.d["metadata"][
                "resourceVersion"
            ]:
                new["metadata"].pop("resourceVersion")
        return (*self.update(r, ns, name, self.ingest(r, new), q, subres, manager=manager), 200)

    def mp(self, t, p):
        if not isinstance(p, dict):
            return p
        t = dict(t) if isinstance(t, dict) else {}
        for k, v in p.items():
            if v is None:
                t.pop(k, None)
            else:
                t[k] = self.mp(t.get(k), v)
        return t

    MK = {
        "conditions": "type",
        "containers": "name",
        "env": "name",
        "volumes": "name",
        "ports": "port",
        "ownerReferences": "uid",
    }

    def strategic(self, t, p, key=None):
        if isinstance(p, dict):
            if p.get("$patch") == "replace":
                return {k: v for k, v in p.items() if k != "$patch"}
            t = dict(t) if isinstance(t, dict) else {}
            for k, v in p.items():
                if k.startswith("$"):
                    continue
                if v is None:
                    t.pop(k, None)
                else:
                    t[k] = self.strategic(t.get(k), v, k)
            return t
        if isinstance(p, list) and isinstance(t, list):
            if key == "finalizers":
                return t + [x for x in p if x not in t]
            if (mk := self.MK.get(key)) and all(isinstance(x, dict) and mk in x for x in p):
                o = list(t)
                for x in p:
                    i = next((i for i, y in enumerate(o) if y.get(mk) == x[mk]), None)
                    if x.get("$patch") == "delete":
                        o = [y for y in o if y.get(mk) != x[mk]]
                    elif i is None:
                        o.append(x)
                    else:
                        o[i] = self.strategic(o[i], x)
                return o
        return p

    def delete(self, r, ns, name, opts, q):
        old = self.cur(r, ns, name)
        om = old.d["metadata"]
        pre = opts.get("preconditions") or {}
        for k in ("uid", "resourceVersion"):
            if pre.get(k) and pre[k] != om[k]:
                label = "UID" if k == "uid" else "ResourceVersion"
                raise self.conflict(
                    r,
                    name,
                    f"the {label} in the precondition ({pre[k]}) does not match the {label} in record ({om[k]}). The object might have been "
                    + ("deleted and then recreated" if k == "uid" else "modified"),
                )
        if q.get("dryRun") or opts.get("dryRun"):
            return old.raw
        pol = opts.get("propagationPolicy") or q.get("propagationPolicy")
        new = dec(old.raw)
        m = new["metadata"]
        if pol in ("Foreground", "Orphan"):
            f = "foregroundDeletion" if pol == "Foreground" else "orphan"
            if f not in m.setdefault("finalizers", []):
                m["finalizers"].append(f)
        if m.get("finalizers"):
            if not om.get("deletionTimestamp") or m.get("finalizers") != om.get("finalizers"):
                m.setdefault("deletionTimestamp", now())
                m["deletionGracePeriodSeconds"] = 0
                if "generation" in m:
                    m["generation"] += 1
                old = self.commit(r, ns, name, "MODIFIED", new, old)
            self.gc(om["uid"], pol)
            self.gc_finish(r, ns, name)
            return old.raw
        if r.plural == "namespaces":
            if not om.get("deletionTimestamp"):
                m.update(deletionTimestamp=now(), deletionGracePeriodSeconds=0)
                new["status"] = {"phase": "Terminating"}
                old = self.commit(r, ns, name, "MODIFIED", new, old)
            self.drain_ns(name)
            self.finish_ns(name)
            return old.raw
        self.commit(r, ns, name, "DELETED", new, old)
        self.gc(om["uid"], pol)
        return enc(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {"name": name, "group": r.group, "kind": r.plural, "uid": om["uid"]},
            }
        )

    def dependents(self, uid):
        for r in list(self.res.values()):
            if r.virtual or (r.group, r.plural) == ("events.k8s.io", "events"):
                continue
            for (ns, n), o in list(self.st.tables[r.key].items()):
                if any(x.get("uid") == uid for x in o.d["metadata"].get("ownerReferences") or ()):
                    yield r, ns, n

    def gc(self, uid, pol):  # kube-controller-manager's garbage collector, in miniature
        for r, ns, n in list(self.dependents(uid)):
            if pol == "Orphan":
                d = dec(self.cur(r, ns, n).raw)
                left = [x for x in d["metadata"].pop("ownerReferences") if x.get("uid") != uid]
                if left:
                    d["metadata"]["ownerReferences"] = left
                self.update(r, ns, n, d, {})
            else:
                self.delete(r, ns, n, {"propagationPolicy": pol}, {})

    def gc_finish(self, r, ns, name):
        if (o := self.st.tables[r.key].get((ns, name))) and o.d["metadata"].get(
            "deletionTimestamp"
        ):
            fs = o.d["metadata"].get("finalizers", [])
            uid = o.d["metadata"]["uid"]
            blocked = any(
                x.get("blockOwnerDeletion")
                for dr, dns, dn in self.dependents(uid)
                for x in self.cur(dr, dns, dn).d["metadata"]["ownerReferences"]
                if x.get("uid") == uid
            )
            done = {"orphan"} | (set() if blocked else {"foregroundDeletion"})
            if done & set(fs):
                d = dec(o.raw)
                d["metadata"]["finalizers"] = [f for f in fs if f not in done]
                self.update(r, ns, name, d, {})

    def finish_ns(self, n):
        o = self.st.tables["", "namespaces"].get((None, n))
        if (
            o
            and o.d["metadata"].get("deletionTimestamp")
            and not any(k[0] == n for tb in list(self.st.tables.values()) for k in tb)
        ):
            self.commit(self.res["", "v1", "namespaces"], None, n, "DELETED", dec(o.raw), o)

    def drain_ns(self, n):
        for r in list(self.res.values()):
            if r.namespaced and not r.virtual:
                for ns, name in [k for k in self.st.tables[r.key] if k[0] == n]:
                    if (ns, name) in self.st.tables[r.key]:
                        self.delete(r, ns, name, {}, {})

    # ---- CRDs
    def check_crd(self, o):
        s = o["spec"]
        if o["metadata"]["name"] != f"{s['names']['plural']}.{s['group']}":
            raise self.invalid(
                self.res["apiextensions.k8s.io", "v1", "customresourcedefinitions"],
                o,
                [self.cause("metadata.name", 'must be spec.names.plural+"."+spec.group')],
            )
        if sum(bool(v.get("storage")) for v in s["versions"]) != 1:
            raise bad("exactly one version must be marked as storage")
        for v in s["versions"]:
            Schema((v.get("schema") or {}).get("openAPIV3Schema"))
        o["status"] = {
            "acceptedNames": s["names"],
            "storedVersions": [v["name"] for v in s["versions"] if v.get("storage")],
            "conditions": [
                {
                    "type": t,
                    "status": "True",
                    "reason": rs,
                    "lastTransitionTime": now(),
                    "message": "",
                }
                for t, rs in (
                    ("NamesAccepted", "NoConflicts"),
                    ("Established", "InitialNamesAccepted"),
                )
            ],
        }

    def sync_crd(self, o, typ):
        s = o["spec"]
        n = s["names"]
        for k in [
            k
            for k, r in self.res.items()
            if r.custom and r.group == s["group"] and r.plural == n["plural"]
        ]:
            del self.res[k]
        if typ == "DELETED":
            self.st.tables.pop((s["group"], n["plural"]), None)
            return
        for v in s["versions"]:
            if v.get("served"):
                self.res[s["group"], v["name"], n["plural"]] = Res(
                    s["group"],
                    v["name"],
                    n["plural"],
                    n["kind"],
                    s["scope"] == "Namespaced",
                    n.get("singular") or n["kind"].lower(),
                    n.get("shortNames", []),
                    n.get("categories", []),
                    "status" in (v.get("subresources") or {}),
                    Schema((v.get("schema") or {}).get("openAPIV3Schema")),
                    v.get("additionalPrinterColumns", []),
                    True,
                    [f["jsonPath"].lstrip(".") for f in v.get("selectableFields", [])],
                    listkind=n.get("listKind") or n["kind"] + "List",
                )

    # ---- reads
    def selector(self, r, ns, name, q):
        lf = parse_labels(q.get("labelSelector"))
        ff = []
        for p in filter(None, (q.get("fieldSelector") or "").split(",")):
            m = re.match(r"^([^=!]+)(==?|!=)(.*)$", p)
            if not m:
                raise bad(f"invalid field selector {p}")
            if m[1] not in ("metadata.name", "metadata.namespace", *r.selectable) and r.custom:
                raise bad(
                    f'Unable to find "{r.gv}, Resource={r.plural}" that match label selector "", field selector "{p}": field label not supported: {m[1]}'
                )
            ff.append((m[1], m[2] != "!=", m[3]))
        if not lf and not ff and ns is None and name is None:
            return None

        def f(o):
            md = o["metadata"]
            return (
                (ns is None or md.get("namespace") == ns)
                and (name is None or md["name"] == name)
                and (lf is None or lf(o))
                and all(
                    (str(jget(o, k) if jget(o, k) is not None else "") == v) == eq
                    for k, eq, v in ff
                )
            )

        return f

    def at(self, r, rv):  # the table as it was at resourceVersion rv: undo the log
        if rv < self.st.floor[r.key] or rv < self.st.birth:
            raise ApiError(
                410, "Expired", f"The resourceVersion for the provided list is too old: {rv}"
            )
        tb = dict(self.st.tables[r.key])
        for erv, typ, obj, old in reversed(self.st.log[r.key]):
            if erv <= rv:
                break
            k = (
                obj.d["metadata"].get("namespace") if r.namespaced else None,
                obj.d["metadata"]["name"],
            )
            if old is None:
                tb.pop(k, None)
            else:
                tb[k] = old
        return tb

    def list(self, r, ns, name, q):
        f = self.selector(r, ns, name, q)
        rv = self.st.rv
        c = q.get("continue")
        lim = int(q.get("limit") or 0)
        want, match = q.get("resourceVersion") or "", q.get("resourceVersionMatch") or ""
        if match and not want:
            raise self.options(
                "ListOptions",
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                "FieldValueForbidden",
            )
        if want and not want.isdigit():
            raise bad(f'Invalid value: "{want}": strconv.ParseUint: invalid syntax')
        if want and int(want) > rv:
            raise ApiError(
                504,
                "Timeout",
                f"Too large resource version: {want}, current: {rv}",
                {"retryAfterSeconds": 1},
                [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            )
        tb = self.st.tables[r.key]
        after = None
        sid = uuid.uuid4().hex
        off = 0
        if match == "Exact":
            rv = int(want)
            tb = self.at(r, rv)
        order = lambda x: (x[0][0] or "", x[0][1])
        if c:
            try:
                sid, off, after = json.loads(base64.urlsafe_b64decode(c + "=="))
            except Exception:
                raise bad("continue key is not valid")
            if sid and sid not in self.st.snaps:
                e = ApiError(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.",
                )
                e.metadata = {"continue": self.token("", 0, after)}
                raise e
        if c and sid:
            rv, items = self.st.snaps[sid]
        else:
            items = [
                o
                for k, o in sorted(tb.items(), key=order)
                if (f is None or f(o.d)) and (not after or [k[0] or "", k[1]] > after)
            ]
            sid = sid or uuid.uuid4().hex
        md = {"resourceVersion": str(rv)}
        page = items[off : off + lim] if lim else items[off:]
        if lim and off + lim < len(items):
            last = page[-1].d["metadata"]
            self.st.snaps[sid] = (rv, items)
            md["continue"] = self.token(sid, off + lim, [last.get("namespace") or "", last["name"]])
            if not (q.get("labelSelector") or q.get("fieldSelector")):
                md["remainingItemCount"] = len(items) - off - lim
            while len(self.st.snaps) > 64:
                self.st.snaps.pop(next(iter(self.st.snaps)))
        return md, page

    def token(self, *parts):
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    def table(self, r, objs, md, include="Metadata", columns=True):
        pr = r.columns
        cols = [
            {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}
        ] + [
            {
                "name": c["name"],
                "type": c["type"],
                "format": c.get("format", ""),
                "description": c.get("description", ""),
                "priority": c.get("priority", 0),
            }
            for c in pr
        ]
        if not any(c["name"] == "Age" for c in pr):
            cols.append(
                {"name": "Age", "type": "string", "format": "", "description": "", "priority": 0}
            )

        def age(ts):
            try:
                s = int(
                    time.time()
                    - datetime.datetime.fromisoformat(ts.replace("Z", "+00:00")).timestamp()
                )
            except Exception:
                return "<unknown>"
            return (
                f"{s}s"
                if s < 120
                else f"{s // 60}m"
                if s < 7200
                else f"{s // 3600}h"
                if s < 172800
                else f"{s // 86400}d"
            )

        def row(o):
            cells = [o["metadata"]["name"]] + [
                (age(v) if c["type"] == "date" and v else v)
                for c in pr
                for v in [jcol(o, c["jsonPath"])]
            ]
            if len(cells) < len(cols):
                cells.append(age(o["metadata"].get("creationTimestamp")))
            return {
                "cells": cells,
                **(
                    {}
                    if include == "None"
                    else {"object": o if include == "Object" else self.partial(o)}
                ),
            }

        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": md,
            "columnDefinitions": cols if columns else None,
            "rows": [row(o) for o in objs],
        }

    def partial(self, o):
        return {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": o["metadata"],
        }

    def item(self, r, o):  # built-in kinds do not repeat kind and apiVersion in lists
        if r.custom:
            return o.raw
        return enc(
            {k: v for k, v in dec(self.view(r, o)).items() if k not in ("kind", "apiVersion")}
        )

    def view(self, r, o):
        return enc(events.shown(o.d, r.group)) if r.plural == "events" else o.raw

    def ingest(self, r, o):
        return events.stored(o) if r.plural == "events" else o

    # ---- watch
    async def watch(self, req, r, ns, name, q, table):
        f = self.selector(r, ns, name, q)
        rv = q.get("resourceVersion", "")
        bm = q.get("allowWatchBookmarks") in ("true", "True", "1")
        sie = q.get("sendInitialEvents") in ("true", "1")
        timeout = float(q.get("timeoutSeconds") or random.uniform(1800, 3600))
        end = time.monotonic() + timeout
        qu = asyncio.Queue()
        self.st.subs[r.key].add(qu)
        resp = web.StreamResponse(headers={"Content-Type": "application/json"})
        resp.enable_chunked_encoding()
        first = [True]
        include = q.get("includeObject", "Metadata")

        def ev(typ, o):
            if table:
                columns, first[0] = first[0], False
                return b'{"type":"%s","object":%s}\n' % (
                    typ.encode(),
                    enc(
                        self.table(
                            r,
                            [o.d],
                            {"resourceVersion": o.d["metadata"]["resourceVersion"]},
                            include,
                            columns,
                        )
                    ),
                )
            return b'{"type":"%s","object":%s}\n' % (typ.encode(), self.view(r, o))

        def tr(e):  # selector transitions: enter -> ADDED, leave -> DELETED
            _, typ, o, old = e
            if f is None:
                return ev(typ, o)
            was = old is not None and f(old.d)
            is_ = typ != "DELETED" and f(o.d)
            if typ == "DELETED":
                return ev("DELETED", o) if was else b""
            if (
                was and not is_
            ):  # what leaves the selection is shown as it was, with the new version
                d = dec(old.raw)
                d["metadata"]["resourceVersion"] = o.d["metadata"]["resourceVersion"]
                return ev("DELETED", Obj(d))
            return ev("MODIFIED", o) if was else ev("ADDED", o) if is_ else b""

        def bmk(end=False):
            return (
                enc(
                    {
                        "type": "BOOKMARK",
                        "object": {
                            "kind": r.kind,
                            "apiVersion": r.gv,
                            "metadata": {
                                "resourceVersion": str(self.st.rv),
                                **(
                                    {"annotations": {"k8s.io/initial-events-end": "true"}}
                                    if end
                                    else {}
                                ),
                            },
                        },
                    }
                )
                + b"\n"
            )

        try:
            out = []
            if rv in ("", "0") or sie:
                out = [
                    ev("ADDED", o)
                    for _, o in sorted(
                        self.st.tables[r.key].items(), key=lambda x: (x[0][0] or "", x[0][1])
                    )
                    if f is None or f(o.d)
                ]
                if sie:
                    out.append(bmk(True))
            else:
                if not rv.isdigit():
                    raise bad(f'Invalid value: "{rv}": strconv.ParseUint: invalid syntax')
                if not max(self.st.floor[r.key], self.st.birth) <= int(rv) <= self.st.rv:
                    out = [
                        enc(
                            {
                                "type": "ERROR",
                                "object": ApiError(
                                    410,
                                    "Expired",
                                    f"too old resource version: {rv} ({max(self.st.floor[r.key], self.st.birth)})",
                                ).body(),
                            }
                        )
                        + b"\n"
                    ]
                    end = 0
                else:
                    out = [tr(e) for e in self.st.log[r.key] if e[0] > int(rv)]
            await resp.prepare(req)
            await resp.write(b"".join(out))
            nextbm = time.monotonic() + self.bookmark
            while (left := end - time.monotonic()) > 0:
                try:
                    e = await asyncio.wait_for(
                        qu.get(), min(left, max(0.01, nextbm - time.monotonic())) if bm else left
                    )
                except TimeoutError:
                    if bm and time.monotonic() >= nextbm:
                        await resp.write(bmk())
                        nextbm = time.monotonic() + self.bookmark
                    continue
                events = [e]
                while not qu.empty():
                    events.append(qu.get_nowait())
                if b := b"".join(tr(e) for e in events if e):
                    await resp.write(b)
                if None in events:
                    break
            await resp.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.st.subs[r.key].discard(qu)
        return resp

    # ---- HTTP
    def who(self, req):
        if self.tokens is None:
            return "system:admin", ["system:masters"]
        t = req.headers.get("Authorization", "").removeprefix("Bearer ")
        if t not in self.tokens:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        user = self.tokens[t]
        if (other := req.headers.get("Impersonate-User")) and "system:masters" in user[1]:
            return other, req.headers.getall("Impersonate-Group", [])
        return user

    def allow(self, user, verb, r, ns, subres=None, name=None):
        if (
            not self.rules
            or r.plural == "selfsubjectaccessreviews"
            or "system:masters" in user[1]
            or self.rules(user, verb, r, ns, subres)
        ):
            return
        what = f'"{r.plural}{"/" + subres if subres else ""}" in API group "{r.group}" ' + (
            f'in the namespace "{ns}"' if ns else "at the cluster scope"
        )
        raise ApiError(
            403,
            "Forbidden",
            self.qual(r)
            + (f' "{name}"' if name else "")
            + f' is forbidden: User "{user[0]}" cannot {verb} resource {what}',
            self.det(r, name),
        )

    async def __call__(self, req):
        try:
            return await self.route(req)
        except ApiError as e:
            return web.Response(body=enc(e.body()), status=e.code, content_type="application/json")
        except msgspec.DecodeError as e:
            return web.Response(
                body=enc(bad(f"the object provided is unrecognized: {e}").body()),
                status=400,
                content_type="application/json",
            )

    def js(self, o, status=200, warns=()):
        h = web.Response(
            body=o if isinstance(o, bytes) else enc(o),
            status=status,
            content_type="application/json",
        )
        for w in warns:
            h.headers.add("Warning", "299 - " + json.dumps(w))
        return h

    async def route(self, req):
        path = req.path.rstrip("/")
        q = dict(req.query)
        parts = path.strip("/").split("/")
        if path in ("/healthz", "/readyz", "/livez"):
            return web.Response(text="ok")
        user = self.who(req)
        if path == "/emulator/compact" and req.method == "POST":
            self.st.compact()
            return web.Response(text="compacted")
        if path == "/version":
            return self.js(
                {
                    "major": "1",
                    "minor": "32",
                    "gitVersion": "v1.32.4-emulator",
                    "platform": "linux/amd64",
                }
            )
        if (
            parts[0] == "openapi"
            or path in ("/api", "/apis")
            or (parts[0] == "api" and len(parts) == 2)
            or (parts[0] == "apis" and len(parts) in (2, 3))
        ):
            return self.js(self.discover(path, parts))
        if parts[0] == "api":
            g, v, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) > 3:
            g, v, rest = parts[1], parts[2], parts[3:]
        else:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        ns = name = subres = None
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            ns, rest = rest[1], rest[2:]
        r = self.res.get((g, v, rest[0]))
        name = rest[1] if len(rest) > 1 else None
        subres = rest[2] if len(rest) > 2 else None
        if r is None or (subres and not (subres == "status" and r.status)):
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        m = req.method
        watch = q.get("watch", "0").lower() not in ("false", "0")
        acc = req.headers.get("Accept", "")
        table = "as=Table" in acc
        mgr = q.get("fieldManager") or req.headers.get("User-Agent", "unknown").split("/")[0]
        verb = {
            "GET": "watch" if watch else "get" if name else "list",
            "POST": "create",
            "PUT": "update",
            "PATCH": "patch",
            "DELETE": "delete" if name else "deletecollection",
        }.get(m)
        if verb is None or (m in ("PUT", "PATCH") and not name):
            raise ApiError(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
        self.allow(user, verb, r, ns, subres, name)
        part = "as=PartialObjectMetadata" in acc
        if acc and not any(x in acc for x in ("*/*", "application/json", "application/*", "yaml")):
            raise ApiError(
                406,
                "NotAcceptable",
                "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
            )
        if m == "GET":
            if watch:
                return await self.watch(req, r, ns, name, q, table)
            if name:
                o = self.cur(r, ns, name)
                return self.js(
                    self.table(
                        r,
                        [o.d],
                        {"resourceVersion": o.d["metadata"]["resourceVersion"]},
                        q.get("includeObject", "Metadata"),
                    )
                    if table
                    else self.partial(o.d)
                    if part
                    else self.view(r, o)
                )
            md, page = self.list(r, ns, None, q)
            if table:
                return self.js(
                    self.table(r, [o.d for o in page], md, q.get("includeObject", "Metadata"))
                )
            if part:
                return self.js(
                    {
                        "kind": "PartialObjectMetadataList",
                        "apiVersion": "meta.k8s.io/v1",
                        "metadata": md,
                        "items": [self.partial(o.d) for o in page],
                    }
                )
            return self.js(
                b'{"apiVersion":"%s","kind":"%s","metadata":%s,"items":[%s]}'
                % (
                    r.gv.encode(),
                    r.listkind.encode(),
                    enc(md),
                    b",".join(self.item(r, o) for o in page),
                )
            )
        raw = await req.read()
        ct = req.content_type
        if m == "DELETE":
            opts = dec(raw) if raw else {}
            if name:
                return self.js(self.delete(r, ns, name, opts, q))
            md, page = self.list(r, ns, None, q)
            for o in page:
                self.delete(r, o.d["metadata"].get("namespace"), o.d["metadata"]["name"], opts, q)
            return self.js(
                b'{"apiVersion":"%s","kind":"%s","metadata":%s,"items":[%s]}'
                % (
                    r.gv.encode(),
                    r.listkind.encode(),
                    enc(md),
                    b",".join(self.item(r, o) for o in page),
                )
            )
        if m == "PATCH":
            o, w, code = self.patch(r, ns, name, ct, raw, q, subres, mgr)
            return self.js(self.view(r, o), code, w)
        if ct == protobuf.CONTENT_TYPE:
            try:
                body = protobuf.read_object(raw)
            except protobuf.UnknownObject as e:
                raise ApiError(415, "UnsupportedMediaType", f"{e}; `kubectl apply -f` sends JSON")
        else:
            body = yaml.safe_load(raw) if "yaml" in ct else dec(raw)
        if not isinstance(body, dict):
            raise bad("the object provided is unrecognized")
        body = self.ingest(r, body)
        if r.virtual:
            return self.js(self.review(r, body, user), 201)
        if m == "POST":
            if name:
                raise ApiError(
                    405,
                    "MethodNotAllowed",
                    "the server does not allow this method on the requested resource",
                )
            o, w = self.create(r, ns, body, q, mgr)
            return self.js(self.view(r, o), 201, w)
        o, w = self.update(r, ns, name, body, q, subres, must_rv=True, manager=mgr)
        return self.js(self.view(r, o), 200, w)

    def review(self, r, b, user):
        s = b.get("spec", {})
        if r.kind == "TokenReview":
            u = (self.tokens or {}).get(s.get("token"))
            return {
                **b,
                "status": {
                    "authenticated": True,
                    "user": {"username": u[0], "groups": u[1]},
                    "audiences": s.get("audiences", []),
                }
                if u
                else {"authenticated": False, "error": "invalid bearer token"},
            }
        a = s.get("resourceAttributes", {})
        rr = next(
            (
                x
                for x in self.res.values()
                if (x.group, x.plural) == (a.get("group", ""), a.get("resource"))
            ),
            None,
        )
        ok = True
        who = user if "Self" in r.kind else (s.get("user"), s.get("groups", []))
        try:
            rr and self.allow(who, a.get("verb"), rr, a.get("namespace"))
        except ApiError:
            ok = False
        return {**b, "status": {"allowed": ok}}

    def discover(self, path, parts):
        gvs = collections.defaultdict(list)
        for r in self.res.values():
            if r.version not in gvs[r.group]:
                gvs[r.group].append(r.version)
        grp = lambda g: {
            "name": g,
            "versions": [{"groupVersion": f"{g}/{v}", "version": v} for v in gvs[g]],
            "preferredVersion": {"groupVersion": f"{g}/{gvs[g][0]}", "version": gvs[g][0]},
        }
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        if path == "/apis":
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [grp(g) for g in gvs if g],
            }
        if parts[0] == "openapi":
            return self.openapi(path, parts)
        g, v = (
            ("", parts[1])
            if parts[0] == "api"
            else (parts[1], parts[2] if len(parts) > 2 else None)
        )
        if g not in gvs or (v and v not in gvs[g]):
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        if v is None:
            return {"kind": "APIGroup", "apiVersion": "v1", **grp(g)}
        out = []
        for r in [r for r in self.res.values() if (r.group, r.version) == (g, v)]:
            out.append(
                {
                    "name": r.plural,
                    "singularName": r.singular,
                    "namespaced": r.namespaced,
                    "kind": r.kind,
                    "verbs": ["create"]
                    if r.virtual
                    else [
                        "create",
                        "delete",
                        "deletecollection",
                        "get",
                        "list",
                        "patch",
                        "update",
                        "watch",
                    ],
                    "shortNames": r.short,
                    "categories": r.categories,
                }
            )
            if r.status:
                out.append(
                    {
                        "name": r.plural + "/status",
                        "singularName": "",
                        "namespaced": r.namespaced,
                        "kind": r.kind,
                        "verbs": ["get", "patch", "update"],
                    }
                )
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{g}/{v}" if g else v,
            "resources": out,
        }

    def openapi(self, path, parts):
        if path == "/openapi/v2":
            return {
                "swagger": "2.0",
                "info": {"title": "Kubernetes", "version": "v1.32.4"},
                "paths": {},
                "definitions": {},
            }
        pre = lambda r: f"apis/{r.gv}" if r.group else f"api/{r.version}"
        if path == "/openapi/v3":
            return {
                "paths": {
                    pre(r): {"serverRelativeURL": f"/openapi/v3/{pre(r)}"}
                    for r in self.res.values()
                }
            }
        rs = [r for r in self.res.values() if pre(r) == "/".join(parts[2:])]
        P = {}
        S = {}
        if not rs:
            raise ApiError(404, "NotFound", "not found")
        for r in rs:
            gvk = {"group": r.group, "version": r.version, "kind": r.kind}
            n = f"{r.group or 'core'}.{r.version}.{r.kind}"
            S[n] = {
                **(
                    r.schema.s
                    if r.schema
                    else {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                ),
                "x-kubernetes-group-version-kind": [gvk],
            }
            base = f"/{pre(r)}/" + ("namespaces/{namespace}/" if r.namespaced else "") + r.plural
            par = [
                {"name": k, "in": "query", "schema": {"type": "string"}}
                for k in ("dryRun", "fieldManager", "fieldValidation")
            ]
            op = lambda a: {
                "parameters": par,
                "x-kubernetes-action": a,
                "x-kubernetes-group-version-kind": gvk,
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {
                            "application/json": {"schema": {"$ref": f"#/components/schemas/{n}"}}
                        },
                    }
                },
            }
            P[base] = {"get": op("list"), "post": op("post")}
            P[base + "/{name}"] = {
                "get": op("get"),
                "put": op("put"),
                "patch": op("patch"),
                "delete": op("delete"),
            }
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.32.4"},
            "paths": P,
            "components": {"schemas": S},
        }

