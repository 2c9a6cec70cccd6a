resource "google_firestore_database" "this" {
  for_each = var.databases

  project     = var.project_id
  name        = each.value.id
  location_id = var.location
  type        = "FIRESTORE_NATIVE"
  # Google's default, and what the emulator does that the store is tested on
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = each.value.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = each.value.delete_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  # what Terraform forgets stays; whoever deletes a database does it by hand
  deletion_policy = each.value.delete_protection ? "ABANDON" : "DELETE"
}

# Documents are found by their id only, and a time or a counter in an index is a hot spot.
resource "google_firestore_field" "unindexed" {
  for_each = var.fields

  project    = var.project_id
  database   = google_firestore_database.this[each.value.database].name
  collection = each.value.collection
  field      = "*"

  index_config {}
}

resource "google_firestore_field" "expire_at" {
  for_each = var.fields

  project    = var.project_id
  database   = google_firestore_database.this[each.value.database].name
  collection = each.value.collection
  field      = "expireAt"

  ttl_config {}
  index_config {}

  # two changes of one collection at a time are refused
  depends_on = [google_firestore_field.unindexed]
}

# None for presignatures: what is in it must never be restored.
resource "google_firestore_backup_schedule" "daily" {
  for_each = { for name, settings in var.databases : name => settings if settings.backups }

  project   = var.project_id
  database  = google_firestore_database.this[each.key].name
  retention = var.backup_retention

  daily_recurrence {}
}

# A role of Firestore's holds for a project; the condition holds it to one database.
resource "google_project_iam_member" "user" {
  for_each = var.access

  project = var.project_id
  role    = var.role
  member  = var.members[each.value.part]

  condition {
    title       = "database-${each.value.database}"
    description = "Documents of ${each.value.database} and of no other database"
    expression  = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.this[each.value.database].name}\""
  }
}

# Reads of the share databases outside the services show up.
resource "google_project_iam_audit_config" "firestore" {
  project = var.project_id
  service = "datastore.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
    # the services themselves read all the time
    exempted_members = [for row in values(var.access) : var.members[row.part]]
  }
}
