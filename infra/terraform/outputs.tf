output "urls" {
  description = "How everybody is reached"
  value       = module.policy.urls
}

output "address" {
  description = "For the A records of api_domain and device_domain; null without a load balancer"
  value       = module.network.address
}

output "repository" {
  description = "Where images are pushed"
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${module.delivery.repository}"
}

output "source_bucket" {
  description = "Where archives of functions are put"
  value       = module.delivery.source_bucket
}

output "github" {
  description = "What a workflow gives to google-github-actions/auth"
  value       = module.delivery.github
}

output "secrets" {
  description = "Secrets that need a version before the services start"
  value       = { for name, secret in module.secrets.secrets : name => secret.id }
}

output "audit_public_key" {
  description = "How to get the key that checkpoints of the audit log are verified with"
  value       = "gcloud kms keys versions get-public-key 1 --key=audit --keyring=${module.policy.names.key_ring} --location=${var.key_location} --project=${var.project_id}"
}

output "cloud_public_key" {
  description = "How to get the key that apps are built to trust"
  value       = "curl -H \"Authorization: Bearer $TOKEN\" ${module.policy.urls.api}/api/v1/mpc/cloud-public-key"
}
