import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkTree } from '../../infra/terraform/check/check.ts'
import { collectionsJson } from '../../infra/terraform/check/collections.ts'
import { loadSchema } from '../../infra/terraform/check/load-schema.ts'

const TERRAFORM = resolve(import.meta.dirname, '../../infra/terraform')

const schema = loadSchema()

let copy: string

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'tandem-terraform-'))
  cpSync(TERRAFORM, copy, { recursive: true })
})

afterEach(() => {
  rmSync(copy, { recursive: true })
})

/** What the checker says once `found` has become `planted` in a file. */
function planted(file: string, found: string, instead: string): readonly string[] {
  const text = readFileSync(join(copy, file), 'utf8')
  expect(text).toContain(found)
  writeFileSync(join(copy, file), text.replace(found, instead))
  return checkTree(copy, schema).map(({ message }) => message)
}

test('Terraform names nothing that the provider or a module does not have', () => {
  expect(checkTree(TERRAFORM, schema)).toEqual([])
})

test('Terraform deploys the collections that the store describes', () => {
  expect(readFileSync(join(TERRAFORM, 'collections.generated.json'), 'utf8')).toBe(collectionsJson())
})

test.each([
  [
    'a misspelt attribute',
    ['modules/sigpair/main.tf', 'max_instance_request_concurrency', 'max_instance_request_concurency'],
    'google_cloud_run_v2_service.template has no attribute max_instance_request_concurency; did you mean max_instance_request_concurrency?',
  ],
  [
    'a misspelt attribute in a dynamic block',
    ['modules/sigpair/main.tf', 'value = env.value', 'valu = env.value'],
    'google_cloud_run_v2_service.template.containers.env has no attribute valu; did you mean value?',
  ],
  [
    'a misspelt block',
    ['modules/sigpair/main.tf', 'scaling {', 'scalling {'],
    'google_cloud_run_v2_service.template has no block scalling; did you mean scaling?',
  ],
  [
    'a block with =',
    ['modules/firestore/main.tf', 'ttl_config {}', 'ttl_config = {}'],
    'google_firestore_field.ttl_config is a block: no =',
  ],
  [
    'a missing attribute',
    ['modules/kms/main.tf', '  key_ring        = google_kms_key_ring.this.id\n', ''],
    'google_kms_crypto_key needs key_ring',
  ],
  [
    'an unknown resource type',
    ['modules/kms/main.tf', '"google_kms_key_ring" "this"', '"google_kms_keyring" "this"'],
    'no resource google_kms_keyring; did you mean google_kms_key_ring?',
  ],
  [
    'an undeclared variable',
    ['modules/kms/main.tf', 'var.settings.rotation_s', 'var.setings.rotation_s'],
    'nothing declares var.setings; did you mean settings?',
  ],
  [
    'an undeclared local value in a text',
    ['modules/policy/env.tf', '"${local.audit_key}/', '"${local.audit_keys}/'],
    'nothing declares local.audit_keys; did you mean audit_key?',
  ],
  [
    'an undeclared resource',
    ['modules/firestore/main.tf', 'google_firestore_field.unindexed]', 'google_firestore_field.unindexd]'],
    'nothing declares google_firestore_field.unindexd; did you mean google_firestore_field.unindexed?',
  ],
  [
    'an attribute that a resource does not give',
    ['modules/scheduler/main.tf', 'google_service_account.this.member', 'google_service_account.this.members'],
    'google_service_account.this has no members; did you mean member?',
  ],
  [
    'an undeclared module',
    ['services.tf', 'module.kms.share_key', 'module.kns.share_key'],
    'nothing declares module.kns; did you mean kms?',
  ],
  [
    'an output that a module does not have',
    ['services.tf', 'module.kms.share_key', 'module.kms.shared_key'],
    'module kms has no output shared_key; did you mean share_key?',
  ],
  [
    'an argument that a module does not take',
    ['main.tf', '  rewrap_job = ', '  rewrap_jobs = '],
    'module scheduler takes no rewrap_jobs; did you mean rewrap_job?',
  ],
  [
    'an argument that a module needs',
    ['main.tf', '  rewrap_job = ', '  rewrap_jobs = '],
    'module scheduler needs rewrap_job',
  ],
  [
    'a value for no variable',
    ['dev.tfvars', 'passkey_domain', 'pass_key_domain'],
    'no variable pass_key_domain; did you mean passkey_domain?',
  ],
  ['a value that is missing', ['prod.tfvars', 'passkey_domain', 'pass_key_domain'], 'no value for passkey_domain'],
  [
    'a setting that does nothing',
    ['variables-operation.tf', 'variable "budget"', 'variable "unread" {}\nvariable "budget"'],
    'nothing uses var.unread',
  ],
])('the schema check finds %s', (_, [file, found, instead], message) => {
  expect(planted(file!, found!, instead!)).toContain(message)
})

test('the schema check finds resources that wait for each other', () => {
  const messages = planted(
    'modules/network/main.tf',
    '  auto_create_subnetworks = false\n',
    '  auto_create_subnetworks = false\n  description = google_compute_subnetwork.services.name\n',
  )
  expect(messages).toEqual([
    'a circle: network: google_compute_network.this → network: google_compute_subnetwork.services → network: google_compute_network.this',
  ])
})

test('the schema check finds a module that waits for one that waits for it', () => {
  const messages = planted(
    'main.tf',
    '  settings   = module.policy.kms\n',
    '  settings   = module.policy.kms\n  depends_on = [module.sigpair]\n',
  )
  expect(messages).toEqual([expect.stringMatching(/^a circle: .*kms: .*sigpair: /)])
})

test('an error names file and line', () => {
  const file = 'modules/scheduler/main.tf'
  const text = readFileSync(join(copy, file), 'utf8')
  writeFileSync(join(copy, file), `${text}\nresource "google_kms_key_ring" "extra" {\n  nam = "x"\n}\n`)
  const line = text.split('\n').length + 2
  expect(checkTree(copy, schema)).toContainEqual({
    file,
    line,
    message: 'google_kms_key_ring has no attribute nam; did you mean name?',
  })
})
