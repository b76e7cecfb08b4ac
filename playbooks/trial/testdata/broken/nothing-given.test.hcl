test "a" {
  expect { unchanged = true }
}
