#!/usr/bin/env bash
# Scenario 1: successful provision and deprovision.
source "$(dirname "$0")/prelude.sh"

# 1. Create ComputeInstance
cat <<EOF | kubectl apply -f -
apiVersion: cloudkit.openshift.io/v1alpha1
kind: ComputeInstance
metadata:
  name: test-ci-success
  namespace: default
spec:
  name: test-vm-success
  vcpu: 2
  memory: 4096
  disk: 40
EOF

# 2. Monitor provision job status
watch_until '"Succeeded"' 'kubectl get computeinstance test-ci-success -o jsonpath="{.status.provisionJob}" | jq'

# 3. Verify state transitions: Pending → Running → Succeeded
seen '"message": "Job queued"' '"state": "Pending"' \
    '"message": "Job running"' '"state": "Running"' \
    '"message": "Job completed successfully"' '"state": "Succeeded"'

# 4. Verify CR phase: Progressing → Ready
expect Ready kubectl get computeinstance test-ci-success -o jsonpath='{.status.phase}'

# 5. Delete ComputeInstance (kubectl waits until it is gone, so the next step is for another terminal)
kubectl delete computeinstance test-ci-success &

# 6. Monitor deprovision job (kubectl's own watch: a resource whose job has succeeded goes at once)
SEEN=$(timeout "$WITHIN" kubectl get computeinstance test-ci-success --watch \
    -o jsonpath='{.status.deprovisionJob}{"\n"}' | sed -u '/Succeeded/q') || true
echo "$SEEN"

# 7. Verify deprovision state transitions: Pending → Running → Succeeded
seen '"Deprovision job triggered","state":"Pending"' \
    '"Deprovision job triggered","state":"Running"' \
    '"Deprovision completed","state":"Succeeded"'

# 8. Verify cleanup and CR deletion
wait
expect NotFound kubectl get computeinstance test-ci-success
