resource "google_service_account" "this" {
  project      = var.project_id
  account_id   = var.account
  display_name = "Tandem: duo-node"
}

resource "google_project_iam_member" "project" {
  for_each = var.project_roles

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this.member
}

resource "google_cloud_run_v2_service" "this" {
  project             = var.project_id
  name                = var.service_name
  location            = var.region
  ingress             = var.service.ingress
  deletion_protection = var.deletion_protection
  custom_audiences    = [var.audience]

  template {
    service_account                  = google_service_account.this.email
    timeout                          = "${var.service.timeout_s}s"
    max_instance_request_concurrency = var.service.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = var.service.min
      max_instance_count = var.service.max
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = var.network
        subnetwork = var.subnetwork
      }
    }

    volumes {
      name = "signing-key"

      secret {
        secret = var.signing_key.id

        items {
          path    = var.signing_key.file
          version = var.signing_key.version
        }
      }
    }

    containers {
      image = var.image

      ports {
        container_port = var.service.port
      }

      resources {
        limits            = { cpu = var.service.cpu, memory = var.service.memory }
        cpu_idle          = var.service.cpu_idle
        startup_cpu_boost = true
      }

      volume_mounts {
        name       = "signing-key"
        mount_path = dirname(var.env["SIGNING_KEY_FILE"])
      }

      dynamic "env" {
        for_each = merge(var.env, { FIRESTORE_DATABASE = var.database })

        content {
          name  = env.key
          value = env.value
        }
      }

      env {
        name = "WEBHOOK_SECRET"

        value_source {
          secret_key_ref {
            secret  = var.webhook_secret.id
            version = var.webhook_secret.version
          }
        }
      }

      startup_probe {
        period_seconds    = 3
        timeout_seconds   = 3
        failure_threshold = 20

        http_get {
          path = "/health/ready"
          port = var.service.port
        }
      }

      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3

        http_get {
          path = "/health/live"
          port = var.service.port
        }
      }
    }
  }
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = var.invoker
}
