/** The cluster's, by default. What nobody claims of it each host refuses. */
export const pool = '172.16.0.0/12'
