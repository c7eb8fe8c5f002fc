#!/usr/bin/env bash
# Scenario 3: failed provision job.
source "$(dirname "$0")/prelude.sh"

# 1. Create ComputeInstance with invalid configuration
kubectl apply -f - <<EOF
apiVersion: cloudkit.openshift.io/v1alpha1
kind: ComputeInstance
metadata:
  name: test-ci-fail
  namespace: default
spec:
  name: test-vm-fail
  vcpu: 999  # Invalid: exceeds quota
  memory: 999999
  disk: 40
EOF

# 2. Observe job failure
watch_until '"Failed"' "kubectl get computeinstance test-ci-fail -o jsonpath='{.status.provisionJob}' | jq"
seen '"blockDeletionOnFailure": true' '"message": "AAP job failed: ' 'exceeded quota' '"state": "Failed"'

# 3. Check CR phase
expect Failed kubectl get computeinstance test-ci-fail -o jsonpath='{.status.phase}'

# 4. Review error details in AAP UI or via API
AAP_JOB_ID=$(kubectl get computeinstance test-ci-fail -o jsonpath='{.status.provisionJob.id}')
curl -sS -H "Authorization: Bearer $AAP_TOKEN" \
    "$AAP_URL/jobs/$AAP_JOB_ID/" | jq '.result_traceback'

# 5. Attempt deletion
kubectl delete computeinstance test-ci-fail &

# 6. Verify deprovision is triggered (cleanup attempt)
watch_until '"Deprovision job triggered"' \
    "kubectl get computeinstance test-ci-fail -o jsonpath='{.status.deprovisionJob}' | jq"
wait
expect NotFound kubectl get computeinstance test-ci-fail
