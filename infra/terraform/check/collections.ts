import { DATABASES } from '@tandem/store'

/** What Terraform deploys for the databases: `collections.generated.json`. Source: shared/store/src/collections.ts. */
export function collectionsJson(): string {
  return `${JSON.stringify({ databases: DATABASES }, null, 2)}\n`
}
