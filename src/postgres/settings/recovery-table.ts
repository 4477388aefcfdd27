import type { RuleTable } from './validity-table.js';

/** Recovery parameters; up to version 11 they stand in recovery.conf, from 12 on they are server parameters. */
export const RECOVERY_PARAMETER_RULES: RuleTable = [
  ['S', 'archive_cleanup_command'],
  ['B <9.5', 'pause_at_recovery_target'],
  ['S', 'primary_conninfo'],
  ['S >=9.4', 'primary_slot_name'],
  ['S >=12 <16', 'promote_trigger_file'],
  ['S', 'recovery_end_command'],
  ['I[0..M ms] >=9.4', 'recovery_min_apply_delay'],
  ['E{immediate, (empty)} >=9.4', 'recovery_target'],
  ['E{pause, promote, shutdown} >=9.5', 'recovery_target_action'],
  ['B', 'recovery_target_inclusive'],
  ['S >=10', 'recovery_target_lsn'],
  ['S >=9.4', 'recovery_target_name'],
  ['S', 'recovery_target_time'],
  ['S', 'recovery_target_timeline'],
  ['S', 'recovery_target_xid'],
  ['S', 'restore_command'],
  ['B <12', 'standby_mode'],
  ['S <12', 'trigger_file'],
];
