# One account per role and one for the job: Google's audit logs then say which of them opened a share.
resource "google_service_account" "this" {
  for_each = var.accounts

  project      = var.project_id
  account_id   = each.value
  display_name = "Tandem: ${each.key}"
}

resource "google_project_iam_member" "project" {
  for_each = var.project_roles

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this[each.value.part].member
}
