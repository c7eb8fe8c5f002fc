"""aap-poller: hears the intents for AAP and what AAP says of its jobs; says what happened to them.

It launches, follows and cancels the jobs of Ansible Automation Platform, each exactly once. Any number
of replicas may run; none of them has access to Kubernetes.
"""
