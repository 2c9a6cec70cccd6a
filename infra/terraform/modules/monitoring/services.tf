resource "google_monitoring_alert_policy" "errors" {
  for_each = var.services

  project               = var.project_id
  display_name          = "${var.name} ${each.key} fails"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "More than ${var.alerts.error_ratio * 100} % of the answers are 5xx"

    condition_threshold {
      filter             = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.value}\" AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\""
      denominator_filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.value}\" AND metric.type=\"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.alerts.error_ratio
      duration           = "300s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }

      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

# Not of sockets: a socket is one long request, and slow is what it is for.
resource "google_monitoring_alert_policy" "latency" {
  for_each = var.alerts.latency_ms

  project               = var.project_id
  display_name          = "${var.name} ${each.key} is slow"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "One answer in a hundred takes longer than ${each.value} ms"

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.services[each.key]}\" AND metric.type=\"run.googleapis.com/request_latencies\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value
      duration        = "600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_99"
      }
    }
  }
}

# Without KMS no share opens. A refusal is worse than an outage: something has been moved, or somebody tries.
resource "google_monitoring_alert_policy" "kms" {
  project               = var.project_id
  display_name          = "${var.name}: Cloud KMS refuses or fails"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "More than ${var.alerts.kms_errors} errors in five minutes"

    condition_threshold {
      filter          = "resource.type=\"consumed_api\" AND resource.labels.service=\"cloudkms.googleapis.com\" AND metric.type=\"serviceruntime.googleapis.com/api/request_count\" AND metric.labels.response_code_class!=\"2xx\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.alerts.kms_errors
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}
