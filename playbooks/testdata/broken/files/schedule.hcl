schedule {
  soak = "24h"
}
