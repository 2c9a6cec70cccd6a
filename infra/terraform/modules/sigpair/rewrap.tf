# Seals anew what older versions of the share key have wrapped. Source: docs/spec/storage.md 2.7.
resource "google_cloud_run_v2_job" "rewrap" {
  project             = var.project_id
  name                = "${var.name}-rewrap"
  location            = var.region
  deletion_protection = var.deletion_protection

  template {
    # one at a time: it may be repeated at any moment, but two only get in each other's way
    parallelism = 1
    task_count  = 1

    template {
      service_account = google_service_account.this["rewrap"].email
      timeout         = "${var.rewrap.timeout_s}s"
      max_retries     = var.rewrap.retries

      containers {
        image = var.image
        # beside index.js in the bundle; node is the image's entry
        args = ["rewrap.js"]

        resources {
          limits = { cpu = var.rewrap.cpu, memory = var.rewrap.memory }
        }

        dynamic "env" {
          for_each = merge(var.env["rewrap"], local.opened)

          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }
}
