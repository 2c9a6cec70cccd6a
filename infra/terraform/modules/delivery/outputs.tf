output "repository" {
  description = "Name of the repository of images"
  value       = google_artifact_registry_repository.this.repository_id
}

output "source_bucket" {
  description = "Name of the bucket of sources"
  value       = google_storage_bucket.source.name
}

output "github" {
  description = "What a workflow gives to google-github-actions/auth; null without GitHub"
  value = var.github == null ? null : {
    workload_identity_provider = google_iam_workload_identity_pool_provider.github[0].name
    service_account            = google_service_account.push[0].email
  }
}
