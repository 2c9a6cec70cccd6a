resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = var.account
  display_name = "Tandem: scheduler"
}

# It may start this job, and nothing else.
resource "google_cloud_run_v2_job_iam_member" "rewrap" {
  project  = var.project_id
  location = var.region
  name     = var.rewrap_job
  role     = "roles/run.invoker"
  member   = google_service_account.this.member
}

# Oftener than keys rotate, so that a run which failed is not missed. A run that finds nothing reads and writes nothing more.
resource "google_cloud_scheduler_job" "rewrap" {
  project          = var.project_id
  region           = var.region
  name             = "${var.name}-rewrap"
  description      = "Seals anew what older versions of the share key have wrapped"
  schedule         = "17 3 * * 0"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${var.project_id}/locations/${var.region}/jobs/${var.rewrap_job}:run"

    oauth_token {
      service_account_email = google_service_account.this.email
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.rewrap]
}

# Sent at least once: every job may be repeated. The function verifies the token, its audience, and that it is this account's.
resource "google_cloud_scheduler_job" "jobs" {
  for_each = var.jobs

  project          = var.project_id
  region           = var.region
  name             = "${var.name}-${each.key}"
  description      = each.value.text
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "30s"

  retry_config {
    retry_count          = 2
    min_backoff_duration = "30s"
  }

  http_target {
    http_method = "POST"
    uri         = "${var.jobs_url}/jobs/${each.key}"

    oidc_token {
      service_account_email = google_service_account.this.email
      audience              = var.jobs_url
    }
  }
}
