output "members" {
  description = "IAM member of the part"
  value       = { functions = google_service_account.this.member }
}
