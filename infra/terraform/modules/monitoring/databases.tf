# Losing presignatures costs every server share (docs/decisions/0009), and nothing brings it back: whatever empties it must be
# stopped in the first hour.
resource "google_monitoring_alert_policy" "shrinking" {
  for_each = var.share_databases

  project               = var.project_id
  display_name          = "${var.name}: ${each.key} shrinks"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "A fifth of ${each.key} is gone within an hour"

    condition_threshold {
      filter          = "resource.type=\"firestore.googleapis.com/Database\" AND resource.labels.database_id=\"${each.value}\" AND metric.type=\"firestore.googleapis.com/storage/data_and_index_storage_bytes\""
      comparison      = "COMPARISON_LT"
      threshold_value = var.alerts.shrinking_percent
      duration        = "0s"

      aggregations {
        alignment_period   = "3600s"
        per_series_aligner = "ALIGN_PERCENT_CHANGE"
      }
    }
  }
}
