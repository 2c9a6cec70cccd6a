# The same image twice: for devices, and for duo-node. Source: docs/spec/storage.md 1.4: any number work on the same databases.
resource "google_cloud_run_v2_service" "this" {
  for_each = var.services

  project             = var.project_id
  name                = var.names[each.key]
  location            = var.region
  ingress             = each.value.ingress
  deletion_protection = var.deletion_protection
  custom_audiences    = each.key == "sigpair-internal" ? [var.audience] : []

  template {
    service_account                  = google_service_account.this[each.key].email
    timeout                          = "${each.value.timeout_s}s"
    max_instance_request_concurrency = each.value.concurrency
    # threads that compute want whole processors
    execution_environment = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = each.value.min
      max_instance_count = each.value.max
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = var.network
        subnetwork = var.subnetwork
      }
    }

    containers {
      image = var.image

      ports {
        container_port = each.value.port
      }

      resources {
        limits            = { cpu = each.value.cpu, memory = each.value.memory }
        cpu_idle          = each.value.cpu_idle
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(var.env[each.key], local.opened)

        content {
          name  = env.key
          value = env.value
        }
      }

      # store and KMS answer: before that nobody is sent here
      startup_probe {
        period_seconds    = 3
        timeout_seconds   = 3
        failure_threshold = 20

        http_get {
          path = "/health/ready"
          port = each.value.port
        }
      }

      # not ready: a restart would not bring Firestore or KMS back
      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3

        http_get {
          path = "/health/live"
          port = each.value.port
        }
      }
    }
  }
}

locals {
  # Not from the policy although it says the same: so nothing starts before it may open databases and use the keys.
  opened = {
    KMS_KEY                          = var.share_key
    KMS_AUDIT_KEY                    = var.audit_key_version
    FIRESTORE_PARTIES_DATABASE       = var.databases["parties"]
    FIRESTORE_PRESIGNATURES_DATABASE = var.databases["presignatures"]
  }
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.services

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this[each.key].name
  role     = "roles/run.invoker"
  member   = var.invokers[each.key]
}
