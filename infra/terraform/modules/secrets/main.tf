# Containers only: their values are added by hand, so that no state file ever holds one. See docs/deploy/google-cloud.md.
resource "google_secret_manager_secret" "this" {
  for_each = var.secrets

  project   = var.project_id
  secret_id = "${var.name}-${each.key}"

  replication {
    auto {}
  }

  # a version destroyed by mistake can be called back for so long
  version_destroy_ttl = "604800s"
}

# A binding and no member: whoever else was given the role loses it with the next apply.
resource "google_secret_manager_secret_iam_binding" "readers" {
  for_each = var.secrets

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  members   = [for part in each.value.parts : var.members[part]]
}

resource "google_project_iam_audit_config" "secrets" {
  project = var.project_id
  service = "secretmanager.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }
}
