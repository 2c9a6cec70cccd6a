locals {
  apis = [
    "artifactregistry", "billingbudgets", "cloudbuild", "cloudfunctions", "cloudkms", "cloudresourcemanager", "cloudscheduler",
    "compute", "dns", "firestore", "iam", "iamcredentials", "logging", "monitoring", "run", "secretmanager", "storage", "sts",
    "vpcaccess",
  ]
}

resource "google_project_service" "this" {
  for_each = toset(local.apis)

  project = var.project_id
  service = "${each.value}.googleapis.com"
  # other things in the project may need it
  disable_on_destroy = false
}
