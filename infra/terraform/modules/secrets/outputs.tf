output "secrets" {
  description = "Id, file and version of each secret, once its readers may read it"
  value = {
    for name, settings in var.secrets :
    name => { id = google_secret_manager_secret.this[name].secret_id, file = settings.file, version = settings.version }
  }
  depends_on = [google_secret_manager_secret_iam_binding.readers]
}
