/*
 * A disk that fails on purpose, put below a real program with LD_PRELOAD. Everything under the folder HEADWATER_DISK_DIR is concerned; nothing
 * else is. The file HEADWATER_DISK_CONTROL is mapped and says what fails (struct control; bad-disk.ts writes it). In the folder
 * HEADWATER_DISK_JOURNAL it keeps what a power cut would undo: the old content of whatever was written, made, renamed or removed, and which of it
 * was synced since (power-cut.ts reads it).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* 64-bit fields, so that a program in another language knows where each is. */
struct control {
  int64_t write_errno;    /* writes fail with this, once write_room bytes were written */
  int64_t write_room;
  int64_t short_writes;   /* of 100 writes, so many write only a part */
  int64_t sync_errno;
  int64_t sync_delay_ms;
  int64_t read_only;      /* everything that changes the disk fails with EROFS */
  int64_t kill_after;     /* SIGKILL at the so-manieth change from now on; 0: never */
  int64_t bad_inode;      /* reads of this file that touch the bytes from bad_from to bad_to fail with EIO */
  int64_t bad_from;
  int64_t bad_to;
  int64_t bytes;          /* counted: bytes written */
  int64_t syncs;          /* counted: files and folders synced */
};

#define FILES 4096
static struct { char known; ino_t inode; } files[FILES];
static volatile struct control *control;
static char folder[PATH_MAX], kept[PATH_MAX];
static size_t folder_length;
static int journal = -1;
static int kept_count;
static unsigned random_state = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static void start(void) {
  real_open = dlsym(RTLD_NEXT, "open64");
  real_close = dlsym(RTLD_NEXT, "close");
  real_read = dlsym(RTLD_NEXT, "read");
  real_pread = dlsym(RTLD_NEXT, "pread64");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_rename = dlsym(RTLD_NEXT, "rename");
  const char *dir = getenv("HEADWATER_DISK_DIR"), *name = getenv("HEADWATER_DISK_CONTROL");
  if (!dir || !name) return;
  int fd = real_open(name, O_RDWR);
  if (fd < 0) { perror(name); abort(); }
  control = mmap(0, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  real_close(fd);
  if (control == MAP_FAILED) { perror(name); abort(); }
  folder_length = strlen(strcpy(folder, dir));
  const char *keep = getenv("HEADWATER_DISK_JOURNAL");
  if (!keep) return;
  strcpy(kept, keep);
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/journal", kept);
  journal = real_open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
  if (journal < 0) { perror(path); abort(); }
}

static void ready(void) { pthread_once(&once, start); }

static int concerns_path(const char *path) {
  return control && strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || !path[folder_length]);
}

static int concerns(int fd) { return control && fd >= 0 && fd < FILES && files[fd].known; }

/* One line of the journal, and bytes after it. */
static void note(const void *bytes, size_t length, const char *format, ...) {
  if (journal < 0) return;
  char line[2 * PATH_MAX + 100];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  struct iovec parts[] = {{line, size}, {(void *)bytes, length}};
  if (writev(journal, parts, length ? 2 : 1) != (ssize_t)(size + length)) abort();
}

/* What every change of the disk goes through, under the lock: 0, or -1 and errno. */
static int may_change(void) {
  if (control->kill_after > 0 && --control->kill_after == 0) raise(SIGKILL);
  if (!control->read_only) return 0;
  errno = EROFS;
  return -1;
}

static void note_write(int fd, off_t offset, size_t length) {
  if (journal < 0) return;
  struct stat before;
  fstat(fd, &before);
  char *old = malloc(length);
  ssize_t size = real_pread(fd, old, length, offset);
  if (size < 0) size = 0;
  note(old, size, "write %llu %lld %zu %lld %zd\n", (unsigned long long)before.st_ino, (long long)offset, length,
       (long long)before.st_size, size);
  free(old);
}

static ssize_t change(int fd, const void *bytes, size_t length, off_t offset, int at) {
  pthread_mutex_lock(&lock);
  ssize_t result = -1;
  if (may_change() == 0) {
    if (control->write_errno && control->write_room < (int64_t)length) {
      /* A full disk takes what still fits. */
      length = control->write_errno == ENOSPC && control->write_room > 0 ? control->write_room : 0;
      if (!length) errno = control->write_errno;
    } else if (length > 1 && (int)(rand_r(&random_state) % 100) < control->short_writes) length /= 2;
    if (length) {
      note_write(fd, at ? offset : lseek(fd, 0, SEEK_CUR), length);
      result = at ? real_pwrite(fd, bytes, length, offset) : real_write(fd, bytes, length);
      if (result > 0) {
        control->bytes += result;
        if (control->write_errno) control->write_room -= result;
      }
    }
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

static int sync_file(int fd) {
  if (control->sync_delay_ms) usleep(control->sync_delay_ms * 1000);
  pthread_mutex_lock(&lock);
  int result = -1;
  if (control->kill_after > 0 && --control->kill_after == 0) raise(SIGKILL);
  if (control->sync_errno) errno = control->sync_errno;
  else {
    /* Not the real sync: nothing here outlives this machine's page cache, and tests are many. */
    result = 0;
    control->syncs++;
    struct stat its;
    fstat(fd, &its);
    note(0, 0, "%s %llu\n", S_ISDIR(its.st_mode) ? "syncdir" : "sync", (unsigned long long)its.st_ino);
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

static int open_file(const char *path, int flags, mode_t mode) {
  ready();
  if (!concerns_path(path)) return real_open(path, flags, mode);
  pthread_mutex_lock(&lock);
  int fd = -1, exists = access(path, F_OK) == 0;
  int changes = (flags & O_CREAT && !exists) || flags & O_TRUNC;
  if (control->read_only && (changes || (flags & O_ACCMODE) != O_RDONLY)) errno = EROFS;
  else if (!changes || may_change() == 0) {
    if (flags & O_TRUNC && exists) {
      int old = real_open(path, O_RDONLY);
      struct stat before;
      if (old >= 0 && fstat(old, &before) == 0 && S_ISREG(before.st_mode) && before.st_size > 0) {
        note_write(old, 0, before.st_size);
      }
      if (old >= 0) real_close(old);
    }
    fd = real_open(path, flags, mode);
    if (fd >= 0 && !exists) note(0, 0, "make %s\n", path);
    if (fd >= 0 && fd < FILES) {
      struct stat its;
      fstat(fd, &its);
      files[fd].known = 1;
      files[fd].inode = its.st_ino;
    }
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, mode_t) : 0; }

#define OPEN(name)                                \
  int name(const char *path, int flags, ...) {    \
    va_list arguments;                            \
    va_start(arguments, flags);                   \
    mode_t mode = mode_of(flags, arguments);      \
    va_end(arguments);                            \
    return open_file(path, flags, mode);          \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  ready();
  if (fd >= 0 && fd < FILES) files[fd].known = 0;
  return real_close(fd);
}

static int is_bad(int fd, off_t offset, size_t length) {
  return concerns(fd) && (int64_t)files[fd].inode == control->bad_inode && control->bad_to > offset && control->bad_from < offset + (off_t)length;
}

ssize_t read(int fd, void *bytes, size_t length) {
  ready();
  if (!concerns(fd) || !is_bad(fd, lseek(fd, 0, SEEK_CUR), length)) return real_read(fd, bytes, length);
  errno = EIO;
  return -1;
}

ssize_t pread64(int fd, void *bytes, size_t length, off_t offset) {
  ready();
  if (!is_bad(fd, offset, length)) return real_pread(fd, bytes, length, offset);
  errno = EIO;
  return -1;
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) { return pread64(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
  ready();
  return concerns(fd) ? change(fd, bytes, length, 0, 0) : real_write(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  ready();
  return concerns(fd) ? change(fd, bytes, length, offset, 1) : real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

int fsync(int fd) {
  ready();
  return concerns(fd) ? sync_file(fd) : real_fsync(fd);
}

int fdatasync(int fd) { return fsync(fd); }

int ftruncate64(int fd, off_t size) {
  ready();
  if (!concerns(fd)) return real_ftruncate(fd, size);
  pthread_mutex_lock(&lock);
  int result = may_change();
  if (result == 0) {
    struct stat before;
    fstat(fd, &before);
    if (before.st_size > size) note_write(fd, size, before.st_size - size);
    result = real_ftruncate(fd, size);
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* A second name, by which a removed file can come back as the same one; its number, or 0. */
static int keep(const char *path) {
  if (journal < 0 || access(path, F_OK) != 0) return 0;
  char name[PATH_MAX + 16];
  do snprintf(name, sizeof name, "%s/%d", kept, ++kept_count);
  while (access(name, F_OK) == 0);
  if (link(path, name) != 0) { perror(name); abort(); }
  return kept_count;
}

int unlink(const char *path) {
  ready();
  if (!concerns_path(path)) return real_unlink(path);
  pthread_mutex_lock(&lock);
  int result = may_change();
  if (result == 0) {
    int number = keep(path);
    result = real_unlink(path);
    if (result == 0) note(0, 0, "remove %d %s\n", number, path);
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int rename(const char *from, const char *to) {
  ready();
  if (!concerns_path(from) && !concerns_path(to)) return real_rename(from, to);
  pthread_mutex_lock(&lock);
  int result = may_change();
  if (result == 0) {
    int number = keep(to);
    result = real_rename(from, to);
    if (result == 0) note(0, 0, "rename %d %s\t%s\n", number, from, to);
  }
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}
