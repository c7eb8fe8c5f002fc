#!/usr/bin/env bash
# Scenario 2: deletion during provisioning.
source "$(dirname "$0")/prelude.sh"

# 1. Create ComputeInstance
kubectl apply -f - <<EOF
apiVersion: cloudkit.openshift.io/v1alpha1
kind: ComputeInstance
metadata:
  name: test-ci-cancel
  namespace: default
spec:
  name: test-vm-cancel
  vcpu: 2
  memory: 4096
  disk: 40
EOF

# 2. Delete before the job completes
watch_until Running "kubectl get computeinstance test-ci-cancel -o jsonpath='{.status.provisionJob.state}'"
kubectl delete computeinstance test-ci-cancel &

# 3. Observe provision job cancellation: Running → Canceled
watch_until Canceled "kubectl get computeinstance test-ci-cancel -o jsonpath='{.status.provisionJob.state}'"

# 4. Observe deprovision triggered after cancellation: an AAP job id
watch_until '"id"' "kubectl get computeinstance test-ci-cancel -o jsonpath='{.status.deprovisionJob}' | jq"
[[ $(kubectl get computeinstance test-ci-cancel -o jsonpath='{.status.deprovisionJob.id}') =~ ^[0-9]+$ ]] ||
    give_up "the deprovision job has no AAP id"

# 5. Check the log for cancellation
expect "provision job is running, attempting to cancel" grep "cancel" "$OPERATOR_LOG"
expect "canceled provision job" grep "cancel" "$OPERATOR_LOG"

# 6. Verify final cleanup
wait
expect NotFound kubectl get computeinstance test-ci-cancel
