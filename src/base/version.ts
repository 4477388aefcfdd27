/**
 * The level of Patroni that we are compatible with. It is what member keys and REST publish, because other members
 * compare it (dcs.md §16.3 «RISK»): it must be dotted integers and not below 4.0.0.
 */
export const COMPATIBLE_VERSION = '4.1.4';
