package splice
import ("testing";"fmt";"github.com/aymanbagabas/go-udiff")
func TestZZ(t *testing.T){ for _,v:=range variants(t){ switch v.name{case "base","comments","4 spaces","volumes at the very end","wide","sequences indented":
 out,_:=Apply([]byte(v.text), flagship(t)...); fmt.Println("=====",v.name); fmt.Println(udiff.Unified("a","b",v.text,string(out)))}}}
