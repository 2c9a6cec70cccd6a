# One bundle, one function per target; `api` is every path of the backend.
resource "google_cloudfunctions2_function" "this" {
  for_each = var.functions

  project  = var.project_id
  name     = var.names[each.key]
  location = var.region

  build_config {
    runtime           = "nodejs24"
    entry_point       = each.value.target
    service_account   = google_service_account.build.id
    docker_repository = "projects/${var.project_id}/locations/${var.region}/repositories/${var.repository}"

    source {
      storage_source {
        bucket = var.source_bucket
        object = var.source_object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.this.email
    ingress_settings                 = each.value.ingress
    timeout_seconds                  = each.value.timeout_s
    available_cpu                    = each.value.cpu
    available_memory                 = each.value.memory
    min_instance_count               = each.value.min
    max_instance_count               = each.value.max
    max_instance_request_concurrency = each.value.concurrency
    all_traffic_on_latest_revision   = true
    vpc_connector                    = var.connector
    vpc_connector_egress_settings    = "PRIVATE_RANGES_ONLY"
    environment_variables            = merge(var.env, each.value.env, { FIRESTORE_DATABASE = var.database })

    secret_environment_variables {
      key        = "WEBHOOK_SECRETS"
      project_id = var.project_id
      secret     = var.secrets["webhook-secrets"].id
      version    = var.secrets["webhook-secrets"].version
    }

    dynamic "secret_volumes" {
      for_each = {
        (dirname(var.env["SIGNING_KEY_FILE"])) = var.secrets["functions-signing-key"]
        (dirname(var.env["SECRETS_KEY_FILE"])) = var.secrets["functions-secrets-key"]
      }

      content {
        mount_path = secret_volumes.key
        project_id = var.project_id
        secret     = secret_volumes.value.id

        versions {
          path    = secret_volumes.value.file
          version = secret_volumes.value.version
        }
      }
    }
  }

  depends_on = [
    google_storage_bucket_iam_member.build_source,
    google_artifact_registry_repository_iam_member.build_image,
    google_project_iam_member.build_log,
  ]
}

# A function is a Cloud Run service of the same name.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.functions

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  member   = var.invokers[each.key]
}
