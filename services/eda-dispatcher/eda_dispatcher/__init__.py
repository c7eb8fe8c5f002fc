"""eda-dispatcher: hears the intents for EDA; sends webhooks, and says what became of their jobs.

Event-Driven Ansible answers a webhook before anything runs, and tells nothing afterwards: what its
playbook leaves on the resource, the watcher sees. Any number of replicas may run; none of them has access
to Kubernetes.
"""
