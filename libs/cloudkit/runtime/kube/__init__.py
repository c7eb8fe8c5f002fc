"""Kubernetes: one client, ComputeInstances one at a time, the feed of all of them, and Events about them."""

from cloudkit.runtime.kube.client import KubeClient, connect_kube
from cloudkit.runtime.kube.feed import Changed, Feed, FeedEvent, Gone, Listed, Listing, Seen
from cloudkit.runtime.kube.instances import KubeInstances
from cloudkit.runtime.kube.notices import KubeEvents
from cloudkit.runtime.kube.watching import KubeFeed

__all__ = [
    "Changed",
    "Feed",
    "FeedEvent",
    "Gone",
    "KubeClient",
    "KubeEvents",
    "KubeFeed",
    "KubeInstances",
    "Listed",
    "Listing",
    "Seen",
    "connect_kube",
]
