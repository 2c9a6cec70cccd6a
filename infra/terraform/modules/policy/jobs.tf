locals {
  jobs_url = "https://${local.hosts["jobs"]}"

  # whose token runs jobs, and for whom it must be
  jobs_caller = {
    issuer     = "https://accounts.google.com"
    jwksUrl    = "https://www.googleapis.com/oauth2/v3/certs"
    algorithms = ["RS256"]
    audience   = local.jobs_url
    email      = "${local.scheduler}@${var.project_id}.iam.gserviceaccount.com"
  }

  # Sigpair and duo-node do all of this by themselves while they run; an instance that lives for a minute may never come to it.
  # What has expired Firestore erases by itself. Source: docs/spec/events.md, section 7.
  jobs = {
    deliver-events      = { schedule = "*/5 * * * *", text = "Takes the events of keys to the backend" }
    sweep-keys          = { schedule = "*/10 * * * *", text = "Finishes what crashes left behind, and aborts old stages" }
    sign-checkpoints    = { schedule = "23 * * * *", text = "Signs the heads of audit logs" }
    report-dead-letters = { schedule = "41 7 * * *", text = "Says in the log whether events were never delivered" }
  }
}
