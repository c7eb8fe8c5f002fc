"""Kubernetes: one client, ComputeInstances one at a time, and the feed of all of them."""

from cloudkit.runtime.kube.client import KubeClient, connect_kube
from cloudkit.runtime.kube.feed import Changed, Feed, FeedEvent, Gone, Listed, Listing, Seen
from cloudkit.runtime.kube.instances import KubeInstances
from cloudkit.runtime.kube.watching import KubeFeed

__all__ = [
    "Changed",
    "Feed",
    "FeedEvent",
    "Gone",
    "KubeClient",
    "KubeFeed",
    "KubeInstances",
    "Listed",
    "Listing",
    "Seen",
    "connect_kube",
]
