output "databases" {
  description = "Ids of the databases, once their users may open them"
  value       = { for name, database in google_firestore_database.this : name => database.name }
  depends_on  = [google_project_iam_member.user]
}
