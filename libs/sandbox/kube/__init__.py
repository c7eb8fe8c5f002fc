"""A Kubernetes API on loopback, in memory, for development and tests.

`python -m sandbox.kube --ready-file FILE` serves HTTPS with a token and writes a kubeconfig with which
kubectl and kubernetes-asyncio work as with a real API server. It has no controllers besides garbage
collection of owned objects and namespaces: no pod ever starts. It knows no CEL, no webhooks and no CBOR.

From the outside in:

    __main__, server, access, accounts, crds    the process: address, certificate, tokens, what is there
    tally, api, gate, targets, bodies, verbs    a request: who asks what, with which body, by which verb
    creating, updating, deleting, writes        writes, each step a function
    patches, applying, merging                  what is wanted, where it is not simply said
    ownership, managers                         whose each field is
    built_in, definitions, events, reviews      kinds that are special
    lists, watching, selectors                  reads
    views, tables, paths                        how objects are shown
    discovery, openapi, protobuf                what kubectl wants besides
    schema, structure, shaping                  what a definition makes of its objects
    store, subscriptions, resources, objects    what there is, and who hears of changes
    errors, refusals                            the answer when something cannot be
"""

from sandbox.kube.crds import crd_path

__all__ = ["crd_path"]
