locals {
  # What runs, and as whom. Both roles of Sigpair have accounts of their own: KMS's audit log then says which one opened a share.
  deployables = {
    sigpair-device   = "sigpair"
    sigpair-internal = "sigpair"
    rewrap           = "sigpair"
    duo-node         = "duo-node"
    functions        = "functions"
  }

  # not a deployable: it opens nothing
  scheduler = "${var.name}-scheduler"

  accounts = { for part in keys(local.deployables) : part => "${var.name}-${part}" }

  service_names = {
    sigpair-device   = "${var.name}-sigpair"
    sigpair-internal = "${var.name}-sigpair-internal"
    duo-node         = "${var.name}-duo-node"
    api              = "${var.name}-api"
    webhooks         = "${var.name}-webhooks"
    jobs             = "${var.name}-jobs"
  }

  # Known before anything exists, so that services may name each other without a cycle
  run_hosts = { for part, name in local.service_names : part => "${name}-${var.project_number}.${var.region}.run.app" }

  edge = var.api_domain != null

  hosts = merge(local.run_hosts, local.edge ? { api = var.api_domain, sigpair-device = var.device_domain } : {})

  # Cloud Run appends the caller's address; the load balancer in front appends the caller's and its own
  proxies = local.edge ? 2 : 1

  member = { for part, account in local.accounts : part => "serviceAccount:${account}@${var.project_id}.iam.gserviceaccount.com" }

  key_ring  = var.name
  share_key = "projects/${var.project_id}/locations/${var.key_location}/keyRings/${local.key_ring}/cryptoKeys/shares"
  audit_key = "projects/${var.project_id}/locations/${var.key_location}/keyRings/${local.key_ring}/cryptoKeys/audit"
}
