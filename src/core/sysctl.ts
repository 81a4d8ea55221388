/** A setting below /proc/sys as `sysctl` writes it: a dot inside an interface's name is a slash there. */
export const sysctlName = (path: string): string =>
  path
    .split('/')
    .map((part) => part.replaceAll('.', '/'))
    .join('.')
