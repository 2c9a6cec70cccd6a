output "share_key" {
  description = "Full name of the key that wraps data keys"
  value       = google_kms_crypto_key.shares.id
  # a service that starts before it may use the key does not start
  depends_on = [google_kms_crypto_key_iam_binding.users]
}

output "audit_key_version" {
  description = "Full name of the version that signs checkpoints"
  value       = "${google_kms_crypto_key.audit.id}/cryptoKeyVersions/1"
  depends_on  = [google_kms_crypto_key_iam_binding.users]
}
