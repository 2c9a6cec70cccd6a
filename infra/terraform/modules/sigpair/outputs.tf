output "members" {
  description = "IAM member of each part"
  value       = { for part, account in google_service_account.this : part => account.member }
}

output "rewrap_job" {
  description = "Name of the job"
  value       = google_cloud_run_v2_job.rewrap.name
}
