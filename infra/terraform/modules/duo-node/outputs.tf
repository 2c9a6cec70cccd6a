output "members" {
  description = "IAM member of the part"
  value       = { duo-node = google_service_account.this.member }
}
