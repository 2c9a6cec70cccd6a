resource "google_artifact_registry_repository" "this" {
  project       = var.project_id
  location      = var.region
  repository_id = var.name
  format        = "DOCKER"
  description   = "Images of sigpair and duo-node, and those that functions are built to"

  # a tag says the same for ever; Terraform takes digests anyway
  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 20
    }
  }
}

resource "google_storage_bucket" "source" {
  project                     = var.project_id
  name                        = "${var.project_id}-${var.name}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
}

# GitHub Actions of one repository and one branch, without any key: they push artefacts and can change nothing that runs.
resource "google_service_account" "push" {
  count = local.count

  project      = var.project_id
  account_id   = "${var.name}-push"
  display_name = "Tandem: pushes artefacts"
}

resource "google_artifact_registry_repository_iam_member" "push" {
  count = local.count

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.push[0].member
}

# creates objects; cannot replace one
resource "google_storage_bucket_iam_member" "push" {
  count = local.count

  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.push[0].member
}
