output "network" {
  description = "The network that Cloud Run's instances are in"
  value       = google_compute_network.this.id
  # without the private names, internal ingress refuses our own services
  depends_on = [google_dns_record_set.run]
}

output "subnetwork" {
  description = "The subnetwork that their addresses are from"
  value       = google_compute_subnetwork.services.id
}

output "connector" {
  description = "The connector of functions"
  value       = google_vpc_access_connector.functions.id
  depends_on  = [google_dns_record_set.run]
}

output "address" {
  description = "Address of the load balancer, for the DNS records of both domains; null without it"
  value       = one(google_compute_global_address.edge[*].address)
}
