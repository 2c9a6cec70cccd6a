resource "google_compute_network" "this" {
  project                 = var.project_id
  name                    = var.name
  auto_create_subnetworks = false
}

# Cloud Run's instances take addresses here (Direct VPC egress), four times as many as there are at most.
resource "google_compute_subnetwork" "services" {
  project                  = var.project_id
  name                     = "${var.name}-services"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.20.0.0/22"
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

# Functions have no Direct VPC egress in this provider: a connector it is.
resource "google_vpc_access_connector" "functions" {
  project       = var.project_id
  name          = "${var.name}-functions"
  region        = var.region
  network       = google_compute_network.this.name
  ip_cidr_range = "10.20.4.0/28"
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3
}

# Nothing listens in this network.
resource "google_compute_firewall" "deny_ingress" {
  project       = var.project_id
  name          = "${var.name}-deny-ingress"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  priority      = 65000
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }
}

# Calls between our services stay inside: their names resolve to Google's private addresses, which go through the network,
# so internal ingress takes them. What is for the internet (JSON-RPC of chains, issuers) goes out directly.
resource "google_dns_managed_zone" "run" {
  project    = var.project_id
  name       = "${var.name}-run-app"
  dns_name   = "run.app."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}

resource "google_dns_record_set" "run" {
  project      = var.project_id
  managed_zone = google_dns_managed_zone.run.name
  name         = "*.run.app."
  type         = "A"
  ttl          = 300
  # private.googleapis.com
  rrdatas = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
}
