# With domains of one's own: one load balancer with Cloud Armor for what is public. Without them there is none, and Cloud
# Run's own front end is what strangers meet.

locals {
  # host name → who answers
  backends = var.edge == null ? {} : { api = var.edge.api, sigpair-device = var.edge.sigpair-device }
  count    = var.edge == null ? 0 : 1
}

resource "google_compute_global_address" "edge" {
  count = local.count

  project = var.project_id
  name    = "${var.name}-edge"
}

resource "google_compute_security_policy" "edge" {
  count = local.count

  project = var.project_id
  name    = "${var.name}-edge"

  # One address may be a whole office: this stops floods, the limits per user are the backend's.
  rule {
    action   = "throttle"
    priority = 1000

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = 600
        interval_sec = 60
      }
    }
  }

  rule {
    action   = "allow"
    priority = 2147483647

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}

resource "google_compute_region_network_endpoint_group" "run" {
  for_each = local.backends

  project               = var.project_id
  name                  = "${var.name}-${each.key}"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.value.service
  }
}

resource "google_compute_backend_service" "run" {
  for_each = local.backends

  project               = var.project_id
  name                  = "${var.name}-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.edge[0].id

  backend {
    group = google_compute_region_network_endpoint_group.run[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 0.1
  }
}

resource "google_compute_managed_ssl_certificate" "edge" {
  count = local.count

  project = var.project_id
  name    = "${var.name}-edge"

  managed {
    domains = [for backend in values(local.backends) : backend.domain]
  }
}

resource "google_compute_ssl_policy" "edge" {
  count = local.count

  project         = var.project_id
  name            = "${var.name}-edge"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_url_map" "edge" {
  count = local.count

  project         = var.project_id
  name            = "${var.name}-edge"
  default_service = google_compute_backend_service.run["api"].id

  host_rule {
    hosts        = [var.edge.sigpair-device.domain]
    path_matcher = "devices"
  }

  path_matcher {
    name            = "devices"
    default_service = google_compute_backend_service.run["sigpair-device"].id
  }
}

resource "google_compute_target_https_proxy" "edge" {
  count = local.count

  project          = var.project_id
  name             = "${var.name}-edge"
  url_map          = google_compute_url_map.edge[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.edge[0].id]
  ssl_policy       = google_compute_ssl_policy.edge[0].id
}

# Only 443: nobody is led from plain HTTP to a wallet.
resource "google_compute_global_forwarding_rule" "edge" {
  count = local.count

  project               = var.project_id
  name                  = "${var.name}-edge"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.edge[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.edge[0].id
}
