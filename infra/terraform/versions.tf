terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8"
    }
  }

  # bucket and prefix come with `terraform init -backend-config=…`: one per environment
  backend "gcs" {}
}

provider "google" {
  project = var.project_id
  region  = var.region
  # budgets are asked of the billing account's own quota otherwise
  user_project_override = true
  billing_project       = var.project_id
}
