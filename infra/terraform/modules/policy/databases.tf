locals {
  databases = {
    for name, settings in var.databases : name => {
      id          = lookup(var.database_ids, name, name)
      collections = settings.collections
      # only where going back is safe: docs/decisions/0004 and 0009
      point_in_time_recovery = settings.recovery == "wanted"
      backups                = settings.recovery == "wanted"
      # parties and presignatures are nobody's to delete in dev either: they fit together, or no key works
      delete_protection = local.prod || name != "backend"
    }
  }

  backup_retention_s = local.prod ? 8467200 : 604800

  fields = {
    for row in flatten([
      for database, settings in local.databases : [
        for collection in settings.collections : { database = database, collection = collection }
      ]
    ]) : "${row.database}/${row.collection}" => row
  }
}
