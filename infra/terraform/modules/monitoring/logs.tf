resource "google_logging_metric" "rates" {
  for_each = var.log_rates

  project     = var.project_id
  name        = "${var.name}-${each.key}"
  description = each.value.text
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "rates" {
  for_each = var.log_rates

  project               = var.project_id
  display_name          = "${var.name}: ${each.key}"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "More than ${each.value.above} lines in ten minutes"

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.rates[each.key].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "0s"

      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "lines" {
  for_each = var.log_lines

  project               = var.project_id
  display_name          = "${var.name}: ${each.key}"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "A line that must not be there"

    condition_matched_log {
      filter = each.value.filter
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_s}s"

    notification_rate_limit {
      period = "${var.alerts.repeat_s}s"
    }
  }
}
