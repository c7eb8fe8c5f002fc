#!/usr/bin/env bash
# Scenario 4: EDA provider (backward compatibility).
source "$(dirname "$0")/prelude.sh"

# 1. Ensure operator is configured for EDA provider (nothing is deployed here: OPERATOR_ENV is what it runs with)
expect eda sed -n 's/^CLOUDKIT_PROVISIONING_PROVIDER=//p' "$OPERATOR_ENV"

# 2. Create ComputeInstance
kubectl apply -f - <<EOF
apiVersion: cloudkit.openshift.io/v1alpha1
kind: ComputeInstance
metadata:
  name: test-ci-eda
  namespace: default
spec:
  name: test-vm-eda
  vcpu: 2
  memory: 4096
  disk: 40
EOF

# 3. Check job ID
watch_until eda-webhook-1 "kubectl get computeinstance test-ci-eda -o jsonpath='{.status.provisionJob.id}'"

# 4. Check job state
expect Unknown kubectl get computeinstance test-ci-eda -o jsonpath='{.status.provisionJob.state}'

# 5. Wait for AAP to update annotation: it should match the desired version after provision completes
DESIRED=$(kubectl get computeinstance test-ci-eda -o jsonpath='{.status.desiredConfigVersion}')
[[ -n $DESIRED ]] || give_up "no version is desired"
watch_until "$DESIRED" "kubectl get computeinstance test-ci-eda \
    -o jsonpath='{.metadata.annotations.cloudkit\.openshift\.io/reconciled-config-version}'"

# 6. Verify CR becomes Ready
watch_until Ready "kubectl get computeinstance test-ci-eda -o jsonpath='{.status.phase}'"

# The finalizer is managed by the AAP playbook: put on when it provisions, taken off when it has deprovisioned
expect cloudkit.openshift.io/computeinstance-aap \
    kubectl get computeinstance test-ci-eda -o jsonpath='{.metadata.finalizers}'
kubectl delete computeinstance test-ci-eda
expect NotFound kubectl get computeinstance test-ci-eda
